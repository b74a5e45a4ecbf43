from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation.duplicates import compute_least_rms
from aiida_hpaint.science.evaluation.equivalence import find_closest_distances
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

CUBIC = SymmetryOperations.find(
    4.2 * np.eye(3), np.array([12, 8]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), 0.05
)
SKEW = SymmetryOperations.find(
    np.array([[3.1, 0, 0], [-1.5, 2.7, 0], [0.4, 0.2, 4.7]]), np.array([12]), np.zeros((1, 3)), 0.05
)


@pytest.mark.parametrize("symmetry", [CUBIC, SKEW], ids=["cubic", "skew"])
@given(seed=st.integers(0, 999), spread=st.sampled_from([0.01, 0.1, 1.0]))
@settings(max_examples=15)
def test_it_is_that_of_the_closest_operation(
    symmetry: SymmetryOperations, seed: int, spread: float
) -> None:
    rng = np.random.default_rng(seed)
    numbers, left = np.array([1, 1, 3]), rng.random((3, 3))
    images = np.concatenate([left[None], symmetry.images(left)])
    right = images[rng.integers(len(images))] + spread * rng.standard_normal((3, 3)) / 4.2
    right[:2] = right[[1, 0]]
    wanted = np.sqrt((find_closest_distances(symmetry, numbers, left, right) ** 2).mean())
    found = compute_least_rms(symmetry, numbers, left, right, 0.5)
    assert found == (pytest.approx(wanted, abs=1e-3) if wanted < 0.5 else np.inf)
