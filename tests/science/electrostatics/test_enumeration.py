from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pinballs import by_brute_force

from aiida_hpaint.science.electrostatics.enumeration import enumerate_below, is_enumerable
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem


def make_problem(seed, size, count):
    generator = np.random.default_rng(seed)
    pairs = 3 * generator.normal(size=(size, size))
    pairs = np.triu(pairs, 1)
    return QuadraticProblem(generator.normal(size=size), pairs + pairs.T, count, generator.normal())


@given(st.integers(0, 10**6), st.integers(1, 8), st.data())
def test_everything_below_the_limit_is_found(seed, size, data):
    problem = make_problem(seed, size, data.draw(st.integers(1, size)))
    expected, sets = by_brute_force(problem)
    limit = data.draw(st.sampled_from([np.inf, *expected[:3], expected[-1]]))
    energies, found = enumerate_below(problem, limit)
    below = expected < limit - 1e-9
    assert len(energies) in (below.sum(), (expected < limit + 1e-9).sum())
    np.testing.assert_allclose(np.sort(energies)[: below.sum()], expected[below], atol=1e-9)
    assert {*map(tuple, sets[below])} <= {*map(tuple, found)}


def test_nothing_left_to_choose():
    energies, sets = enumerate_below(make_problem(0, 4, 0), np.inf)
    assert energies.tolist() == [make_problem(0, 4, 0).constant]
    assert sets.shape == (1, 0)


def test_small_problems():
    assert is_enumerable(make_problem(0, 20, 3))
    assert not is_enumerable(make_problem(0, 60, 12))
