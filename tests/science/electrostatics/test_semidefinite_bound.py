from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pinballs import by_brute_force, random_sites

from aiida_hpaint.science.electrostatics.ewald import compute_ewald_energies
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.semidefinite_bound import (
    compute_bounds,
    gilmore_lawler_bound,
)

ROUNDING = 1e-9


def proton_problem(seed, size, count):
    frac, energies, cell = random_sites(seed, size)
    return QuadraticProblem(energies, compute_ewald_energies(frac, cell).pairs, count)


@given(st.integers(0, 10**6), st.integers(5, 9), st.data())
def test_bounds_are_bounds(seed, size, data):
    problem = proton_problem(seed, size, data.draw(st.integers(2, size - 2)))
    energies, sets = by_brute_force(problem)
    bounds = compute_bounds(problem, np.inf, 1.0, thorough=data.draw(st.booleans()))
    assert gilmore_lawler_bound(problem) <= energies[0] + ROUNDING
    assert bounds.bound <= energies[0] + ROUNDING
    for site in range(size):
        there = (sets == site).any(1)
        assert bounds.with_site[site] <= energies[there][0] + ROUNDING
        assert bounds.without_site[site] <= energies[~there][0] + ROUNDING


@given(st.integers(0, 10**6), st.integers(6, 9), st.data())
def test_bounds_of_restricted_problems_start_from_those_of_the_whole(seed, size, data):
    problem = proton_problem(seed, size, 4)
    start = compute_bounds(problem, np.inf, 1.0).iterate
    inside = np.zeros(size, dtype=bool)
    inside[data.draw(st.lists(st.integers(0, size - 1), max_size=2))] = True
    free = ~inside
    free[data.draw(st.integers(0, size - 1))] = False
    members = np.flatnonzero(free)
    rest = problem.restrict(np.flatnonzero(inside), members)
    if not 2 <= rest.count < len(rest):
        return
    bounds = compute_bounds(rest, np.inf, 1.0, start.restrict(inside, free, rest.count))
    assert bounds.bound <= by_brute_force(rest)[0][0] + ROUNDING


@pytest.mark.parametrize("seed", range(3))
def test_bounds_are_tight_enough_to_be_worth_it(seed):
    problem = proton_problem(seed, 16, 5)
    energies, _ = by_brute_force(problem)
    bound = compute_bounds(problem, np.inf, 1.0, thorough=True).bound
    spread = np.median(energies) - energies[0]
    assert energies[0] - bound < 0.05 * spread
    assert gilmore_lawler_bound(problem) < bound


def test_bounds_stop_at_the_limit():
    problem = proton_problem(0, 16, 5)
    low = gilmore_lawler_bound(problem)
    assert compute_bounds(problem, low, 1.0).bound >= low


def test_parts_of_a_problem_have_its_energies():
    problem = proton_problem(1, 9, 4)
    chosen, free = np.array([2, 7]), np.array([0, 3, 5, 8])
    rest = problem.restrict(chosen, free)
    sets = np.array([[0, 2], [1, 3]])
    whole = np.array([[2, 7, 0, 5], [2, 7, 3, 8]])
    np.testing.assert_allclose(rest.energies(sets), problem.energies(whole))


def test_complements_have_the_same_energies():
    problem = proton_problem(2, 7, 5)
    left_out = np.array([[0, 4], [3, 6]])
    whole = np.array([[1, 2, 3, 5, 6], [0, 1, 2, 4, 5]])
    np.testing.assert_allclose(problem.complement().energies(left_out), problem.energies(whole))
    np.testing.assert_allclose(by_brute_force(problem)[0], by_brute_force(problem.complement())[0])


def test_lifted_costs_are_energies():
    problem = proton_problem(3, 6, 3)
    one = np.zeros(7)
    one[[1, 4, 5, 6]] = 1
    assert one @ problem.lifted_cost() @ one == pytest.approx(
        problem.energies(np.array([[1, 4, 5]]))[0]
    )
