from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.geometry import get_distances
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from aiida_hpaint.science.evaluation.equivalence import (
    assign_sites,
    compute_site_distances,
    find_closest_distances,
    find_host_symmetry,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

Make = Callable[..., StructureBatch]


@given(st.integers(0, 1000))
def test_distances_are_those_of_ase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * 5 + rng.normal(0, 0.5, (3, 3))
    left, right = rng.random((4, 3)) * 3 - 1, rng.random((6, 3)) * 3 - 1
    oracle = get_distances(left @ cell, right @ cell, cell=cell, pbc=True)[1]
    np.testing.assert_allclose(compute_site_distances(cell, left, right), oracle, atol=1e-9)


def test_partners_are_of_the_same_element() -> None:
    cell = np.eye(3) * 10
    left = np.array([[0.0, 0, 0], [0.5, 0, 0]])
    right = np.array([[0.5, 0, 0], [0.01, 0, 0]])
    same = assign_sites(cell, np.array([1, 1]), left, right)
    np.testing.assert_allclose(same, [0.1, 0.0], atol=1e-9)


def test_symmetry_of_brucite_without_its_hydrogen(brucite: Make) -> None:
    assert len(find_host_symmetry(brucite()).rotations) == 12


@pytest.mark.parametrize("operation", range(12))
def test_equivalent_arrangements_are_at_no_distance(brucite: Make, operation: int) -> None:
    symmetry = find_host_symmetry(brucite())
    rng = np.random.default_rng(operation)
    frac = rng.random((2, 3))
    image = symmetry.images(frac)[operation][::-1]
    distances = find_closest_distances(symmetry, np.array([1, 1]), frac, image)
    assert distances.max() < 1e-6


def test_without_symmetry_the_assignment_is_the_best_permutation() -> None:
    rng = np.random.default_rng(5)
    cell = np.diag([4.0, 5.0, 6.0])
    left, right = rng.random((2, 5, 3))
    alone = SymmetryOperations(cell, np.eye(3)[None], np.zeros((1, 3)))
    found = find_closest_distances(alone, np.ones(5, dtype=int), left, right)
    cost = compute_site_distances(cell, left, right) ** 2
    assert (found**2).sum() == pytest.approx(cost[linear_sum_assignment(cost)].sum())
