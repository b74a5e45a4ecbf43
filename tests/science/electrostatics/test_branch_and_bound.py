from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pinballs import by_brute_force, by_highs, grid_sites, random_sites

from aiida_hpaint.science.electrostatics import enumeration
from aiida_hpaint.science.electrostatics.arrangements import TIE, SolutionPool
from aiida_hpaint.science.electrostatics.branch_and_bound import BranchAndBound
from aiida_hpaint.science.electrostatics.ewald import compute_ewald_energies
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.semidefinite_bound import gilmore_lawler_bound
from aiida_hpaint.science.electrostatics.site_symmetry import (
    find_site_permutations,
    symmetrise_energies,
)
from aiida_hpaint.science.electrostatics.tabu_search import run_tabu_search


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch):
    """All the work falls to branching."""
    monkeypatch.setattr(enumeration, "MAX_ENUMERATED", 5)


def problem_of(frac, energies, cell, count):
    permutations = find_site_permutations(frac, energies, cell)
    pairs = compute_ewald_energies(frac, cell).pairs
    return QuadraticProblem(
        *symmetrise_energies(energies, pairs, permutations), count
    ), permutations


def lowest(energies, sets, permutations, keep):
    """Energies of the lowest classes of equivalent sets."""
    seen, found = set(), []
    for energy, one in zip(energies, sets, strict=True):
        if tuple(one) not in seen:
            seen |= {tuple(image) for image in np.sort(permutations[:, one], axis=1)}
            found.append(energy)
        if len(found) == keep:
            break
    return found


@given(st.integers(0, 10**6), st.integers(6, 11), st.sampled_from([0.0, 1.0, 8.0]), st.data())
def test_random_sites(seed, size, spread, data):
    sites = random_sites(seed, size, volume=data.draw(st.sampled_from([1.0, 5.0])), spread=spread)
    problem, permutations = problem_of(*sites, data.draw(st.integers(2, size - 2)))
    pool = SolutionPool(permutations, data.draw(st.integers(1, 4)))
    if data.draw(st.booleans()):
        run_tabu_search(problem, pool, chains=2, steps=3)
    limit, ended = BranchAndBound(problem, pool).run()
    energies, sets = pool.result()
    expected = lowest(*by_brute_force(problem), permutations, pool.keep)
    np.testing.assert_allclose(energies, expected, atol=TIE)
    np.testing.assert_allclose(problem.energies(sets), energies, atol=1e-9)
    assert ended
    assert limit == pool.limit


@pytest.mark.parametrize(
    ("shape", "count"), [((2, 2, 3), 4), ((2, 2, 3), 6), ((1, 3, 4), 5), ((2, 2, 2), 3)]
)
def test_grids(shape, count):
    problem, permutations = problem_of(*grid_sites(shape), count)
    pool = SolutionPool(permutations, 4)
    assert BranchAndBound(problem, pool).run()[1]
    expected = lowest(*by_brute_force(problem), permutations, 4)
    np.testing.assert_allclose(pool.result()[0], expected, atol=TIE)


def test_symmetry_finds_what_is_found_without_it():
    problem, permutations = problem_of(*grid_sites((2, 3, 3)), 6)
    with_it, without = SolutionPool(permutations, 1), SolutionPool(np.arange(18)[None], 1)
    searches = [BranchAndBound(problem, with_it), BranchAndBound(problem, without)]
    assert all(search.run()[1] for search in searches)
    assert with_it.result()[0][0] == pytest.approx(without.result()[0][0], abs=TIE)
    assert searches[0].relaxed < searches[1].relaxed


@pytest.mark.parametrize("seed", range(2))
def test_highs_finds_nothing_lower(seed):
    problem, permutations = problem_of(*random_sites(seed, 20), 6)
    pool = SolutionPool(permutations, 1)
    assert BranchAndBound(problem, pool).run()[1]
    assert pool.result()[0][0] == pytest.approx(by_highs(problem), abs=1e-5)


def test_a_search_that_is_given_up_says_what_it_proved():
    problem, permutations = problem_of(*random_sites(5, 14, spread=0.0), 6)
    pool = SolutionPool(permutations, 2)
    run_tabu_search(problem, pool)
    search = BranchAndBound(problem, pool, nodes=2)
    limit, ended = search.run()
    best = by_brute_force(problem)[0][0]
    assert not ended
    assert search.relaxed == 2
    assert gilmore_lawler_bound(problem) < limit <= best
