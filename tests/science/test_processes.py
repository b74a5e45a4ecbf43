from __future__ import annotations

import os

import pytest

from aiida_hpaint.science import processes
from aiida_hpaint.science.processes import map_in_processes


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_LEAST", 30)


@pytest.mark.parametrize("count", [1, 2])
def test_the_order_is_kept(count: int) -> None:
    items = list(range(-100, 0))
    assert list(map_in_processes(abs, items, count)) == [abs(one) for one in items]


def test_few_items_are_left_to_this_process() -> None:
    assert list(map_in_processes(lambda one: os.getpid(), range(50), 8)) == [os.getpid()] * 50


def test_a_process_that_is_killed_is_told_with_a_remedy() -> None:
    with pytest.raises(ChildProcessError, match=r"2 processes was killed, .*taskset"):
        list(map_in_processes(os._exit, [1] * 60, 2))
