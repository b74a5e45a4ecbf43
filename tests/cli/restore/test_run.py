from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from aiida_hpaint.cli.restore import run as module


@pytest.mark.parametrize(("elapsed", "looks"), [(0.0, 3), (10.0, 3), (400.0, 1)])
def test_an_end_is_looked_for_more_often_at_first(
    elapsed: float, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    clock = SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses))
    monkeypatch.setattr(module, "time", clock)

    class Process:
        @property
        def is_terminated(self) -> bool:
            return len(pauses) == 3

    node: Any = Process()
    module._wait_for_end(node, 5.0, elapsed)
    assert len(pauses) == looks
    assert max(pauses) <= max(0.1, elapsed / 40)
    assert sum(pauses) <= 5


def test_a_pause_ends_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    clock = SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses))
    monkeypatch.setattr(module, "time", clock)
    node: Any = SimpleNamespace(is_terminated=False)
    module._wait_for_end(node, 1.05, 6.0)
    assert sum(pauses) == pytest.approx(1.05)


def test_what_results_need_is_there() -> None:
    assert all(importlib.util.find_spec(name) for name in module._FOR_RESULTS)
