from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.diffusion.sampling.schedule import count_evaluations, order_visits


def test_without_resampling_levels_are_visited_once() -> None:
    assert order_visits(5) == [0, 1, 2, 3, 4, 5]


def test_the_published_schedule_has_961_visits() -> None:
    path = order_visits(200, resamplings=3, jump=10)
    assert len(path) == 961
    assert path[0] == 0
    assert path[-1] == 200
    assert count_evaluations(path, 0) == 580
    assert count_evaluations(path, 1) == 1160


def test_a_short_schedule_by_hand() -> None:
    assert order_visits(4, resamplings=2, jump=2) == [0, 1, 2, 3, 2, 1, 2, 3, 4]


@given(st.integers(2, 60), st.integers(1, 4), st.integers(1, 12))
def test_each_move_goes_to_a_neighbouring_level(steps: int, again: int, jump: int) -> None:
    path = order_visits(steps, again, jump)
    moves = [there - here for here, there in itertools.pairwise(path)]
    assert set(moves) <= {1, -1}
    assert path[0] == 0
    assert path.count(steps) == 1
    falls = [here for here, move in zip(path, moves, strict=False) if move == 1]
    assert set(falls) == set(range(steps))
    assert max(falls.count(level) for level in falls) <= again


@pytest.mark.parametrize("jump", [10, 11])
def test_jumps_longer_than_the_schedule_are_left_out(jump: int) -> None:
    assert order_visits(10, 5, jump) == order_visits(10)
