from __future__ import annotations

import numpy as np
import pytest
from pinballs import by_brute_force, grid_sites, random_sites

from aiida_hpaint.science.electrostatics import tabu_search
from aiida_hpaint.science.electrostatics.arrangements import SolutionPool
from aiida_hpaint.science.electrostatics.ewald import compute_ewald_energies
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.tabu_search import run_tabu_search


def problem_of(sites, count):
    frac, energies, cell = sites
    return QuadraticProblem(energies, compute_ewald_energies(frac, cell).pairs, count)


def found(problem, keep=3, **options):
    pool = SolutionPool(np.arange(len(problem))[None], keep)
    run_tabu_search(problem, pool, **options)
    return pool.result()


@pytest.mark.parametrize("seed", range(5))
def test_small_cases_are_solved(seed):
    problem = problem_of(random_sites(seed, 14), 5)
    np.testing.assert_allclose(found(problem)[0], by_brute_force(problem)[0][:3], atol=1e-9)


def test_energies_belong_to_the_sets():
    problem = problem_of(random_sites(1, 40), 9)
    energies, sets = found(problem, keep=5)
    np.testing.assert_allclose(problem.energies(sets), energies, atol=1e-9)
    assert (np.diff(energies) > 0).all()
    assert (np.diff(sets, axis=1) > 0).all()


def test_the_same_seed_finds_the_same():
    problem = problem_of(grid_sites((3, 3, 4)), 8)
    first, again = found(problem, seed=3), found(problem, seed=3)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_blocks_of_chains_change_nothing(monkeypatch):
    problem = problem_of(random_sites(2, 30), 7)
    whole = found(problem)
    monkeypatch.setattr(tabu_search, "_LARGEST_BLOCK", 700)
    np.testing.assert_allclose(found(problem)[0], whole[0], atol=1e-9)


@pytest.mark.parametrize("count", [1, 5])
def test_one_site_to_choose_or_to_leave(count):
    problem = problem_of(random_sites(3, 6), count)
    np.testing.assert_allclose(found(problem)[0], by_brute_force(problem)[0][:3], atol=1e-9)
