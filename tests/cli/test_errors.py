from __future__ import annotations

import signal
from collections.abc import Iterator

import click
import pytest

from aiida_hpaint.cli.errors import tell_how_to_go_on
from aiida_hpaint.cli.models.train import watch_for_interrupts


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, which shells have their background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_says_how_to_go_on() -> None:
    with (
        pytest.raises(click.ClickException, match="interrupted: repeat it"),
        tell_how_to_go_on("repeat it"),
    ):
        signal.raise_signal(signal.SIGINT)


def test_only_the_second_ctrl_c_ends_a_training() -> None:
    before = signal.getsignal(signal.SIGINT)
    with watch_for_interrupts() as is_interrupted:
        assert not is_interrupted()
        signal.raise_signal(signal.SIGINT)
        assert is_interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
