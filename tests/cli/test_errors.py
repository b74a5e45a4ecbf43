from __future__ import annotations

import signal

import click
import pytest

from aiida_hpaint.cli.errors import tell_how_to_go_on
from aiida_hpaint.cli.models.train import watch_for_interrupts


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
