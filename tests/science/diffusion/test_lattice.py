from __future__ import annotations

import numpy as np
import pytest
from ase.build.tools import niggli_reduce_cell
from ase.geometry.minkowski_reduction import minkowski_reduce
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion.lattice import (
    list_image_translations,
    orient_cell,
    reduce_cell,
    reduce_to_niggli,
)

pytestmark = pytest.mark.numerics

shears = arrays(np.int64, 3, elements=st.integers(-3, 3))
lengths = arrays(np.float64, 3, elements=st.floats(2.5, 9.0))


def skewed(edges: np.ndarray, shear: np.ndarray) -> np.ndarray:
    return np.array([[1, 0, 0], [shear[0], 1, 0], [shear[1], shear[2], 1]]) @ np.diag(edges)


@given(lengths, shears)
def test_reduction_finds_the_edges_of_a_sheared_box(edges: np.ndarray, shear: np.ndarray) -> None:
    cell = skewed(edges, shear)
    transform = reduce_cell(cell)
    assert abs(round(np.linalg.det(transform))) == 1
    found = np.sort(np.linalg.norm(transform @ cell, axis=1))
    oracle = np.sort(np.linalg.norm(minkowski_reduce(cell)[0], axis=1))
    np.testing.assert_allclose(found, oracle, rtol=1e-9)


@given(st.integers(0, 10_000), shears)
def test_rotated_hexagonal_cells_are_reduced_alike(seed: int, shear: np.ndarray) -> None:
    hexagonal = np.array([[3.1, 0, 0], [-1.55, 1.55 * np.sqrt(3), 0], [0, 0, 4.7]])
    cell = np.array([[1, 0, 0], [shear[0], 1, 0], [shear[1], shear[2], 1]]) @ hexagonal
    turned = cell @ Rotation.random(random_state=seed).as_matrix()
    np.testing.assert_array_equal(reduce_cell(turned), reduce_cell(cell))
    np.testing.assert_allclose(orient_cell(turned), orient_cell(cell), atol=1e-9)


def test_images_reach_every_neighbour() -> None:
    rng = np.random.default_rng(0)
    cell = skewed(np.array([3.0, 4.0, 5.0]), np.array([1, 0, 1]))
    shifts = rng.random((200, 3)) - 0.5
    span = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for shift in shifts:
        exhaustive = np.linalg.norm((shift + span) @ cell, axis=1)
        ours = np.linalg.norm(shift @ cell + list_image_translations(cell, 6.5), axis=1)
        assert (exhaustive < 6.5).sum() == (ours < 6.5).sum()


@given(lengths, shears)
def test_niggli_cells_have_the_metric_that_ase_finds(edges: np.ndarray, shear: np.ndarray) -> None:
    cell = skewed(edges, shear)
    transform = reduce_to_niggli(cell)
    assert abs(round(np.linalg.det(transform))) == 1
    found = transform @ cell
    oracle, _ = niggli_reduce_cell(cell)
    np.testing.assert_allclose(found @ found.T, oracle @ oracle.T, atol=1e-3)


@given(st.integers(0, 1000), shears)
def test_rotated_cells_have_the_same_niggli_cell(seed: int, shear: np.ndarray) -> None:
    hexagonal = np.array([[3.1, 0, 0], [-1.55, 1.55 * 3**0.5, 0], [0, 0, 4.8]])
    cell = skewed(np.ones(3), shear) @ hexagonal
    turned = cell @ Rotation.random(random_state=seed).as_matrix()
    np.testing.assert_array_equal(reduce_to_niggli(cell), reduce_to_niggli(turned))
