"""Translations within cells, compared with spglib; primitive vectors, with their determinants."""

from __future__ import annotations

import numpy as np
import pytest
import spglib
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.primitive.translations import find_translations

CENTRINGS = {
    "P": [],
    "C": [[0.5, 0.5, 0]],
    "I": [[0.5, 0.5, 0.5]],
    "F": [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    "R": [[2 / 3, 1 / 3, 1 / 3], [1 / 3, 2 / 3, 2 / 3]],
}


def make_crystal(
    centring: str, multiple: tuple[int, int, int], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cell, numbers and fractional coordinates of a centred supercell in random order."""
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(4, 7, 3)) + rng.uniform(-1, 1, (3, 3))
    numbers, frac = rng.integers(3, 30, 3), rng.random((3, 3))
    shifts = np.array([[0, 0, 0], *CENTRINGS[centring]])
    cells = np.array([(i, j, k) for i in range(multiple[0]) for j in range(multiple[1])
                      for k in range(multiple[2])])  # fmt: skip
    points = (frac[:, None, None] + shifts[:, None] + cells).reshape(-1, 3) / multiple
    order = rng.permutation(len(points))
    repeated = np.repeat(numbers, len(shifts) * len(cells))
    return cell * np.array(multiple)[:, None], repeated[order], points[order] % 1


@pytest.mark.parametrize("centring", CENTRINGS)
@pytest.mark.parametrize("multiple", [(1, 1, 1), (2, 1, 1), (1, 3, 2)])
def test_translations_are_those_of_spglib(centring: str, multiple: tuple[int, int, int]) -> None:
    cell, numbers, frac = make_crystal(centring, multiple, seed=len(centring))
    found = find_translations(cell, numbers, frac)
    oracle = spglib.get_symmetry((cell, frac, numbers), symprec=1e-3)
    assert oracle is not None
    pure = (oracle["rotations"] == np.eye(3)).all((1, 2))
    theirs = oracle["translations"][pure] % 1
    assert len(found) == len(theirs) == (len(CENTRINGS[centring]) + 1) * np.prod(multiple)
    apart = found.fractions[:, None] - theirs
    assert (np.abs(apart - np.rint(apart)).max(-1).min(1) < 1e-6).all()


@given(st.sampled_from(sorted(CENTRINGS)), st.integers(1, 3), st.integers(0, 10_000))
def test_primitive_vectors_are_a_basis_of_all_translations(
    centring: str, times: int, seed: int
) -> None:
    cell, numbers, frac = make_crystal(centring, (1, times, 1), seed)
    found = find_translations(cell, numbers, frac)
    multiples = found.find_primitive_vectors(cell)
    assert round(np.linalg.det(multiples)) == len(found)
    inside = found.fractions @ multiples
    np.testing.assert_allclose(inside, np.rint(inside), atol=1e-9)
    for translation, image in zip(found.fractions, found.images, strict=True):
        apart = frac + translation - frac[image]
        np.testing.assert_allclose(apart, np.rint(apart), atol=1e-6)
        assert (numbers[image] == numbers).all()


def test_a_skewed_cell_has_the_primitive_cell_of_its_lattice() -> None:
    cell, numbers, frac = make_crystal("F", (1, 1, 1), seed=3)
    shear = np.array([[1, 5, 0], [0, 1, -4], [0, 0, 1]])
    found = find_translations(shear @ cell, numbers, frac @ np.linalg.inv(shear) % 1)
    assert len(found) == 4
    primitive = np.linalg.inv(found.find_primitive_vectors(shear @ cell)) @ shear @ cell
    plain = find_translations(cell, numbers, frac)
    expected = np.linalg.inv(plain.find_primitive_vectors(cell)) @ cell
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(primitive, axis=1)), np.sort(np.linalg.norm(expected, axis=1))
    )


def test_rounded_coordinates_repeat_and_displaced_sites_do_not() -> None:
    cell = np.diag([8.0, 8.0, 8.0])
    frac = np.array([[0.167, 0.1, 0], [0.667, 0.6, 0.5], [0.333, 0, 0.2], [0.834, 0.5, 0.7]])
    numbers = np.array([8, 8, 12, 12])
    assert len(find_translations(cell, numbers, frac)) == 2
    moved = frac + np.array([[0, 0, 0], [0.02, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert len(find_translations(cell, numbers, moved)) == 1


def test_without_sites_there_is_the_identity() -> None:
    found = find_translations(np.eye(3), np.zeros(0, dtype=np.int64), np.zeros((0, 3)))
    assert len(found) == 1
