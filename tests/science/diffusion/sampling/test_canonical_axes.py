"""Axes that do not depend on how a crystal was written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.sampling.canonical_axes import find_canonical_axes
from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import add_sites, prepare_hosts
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import write_parents
from aiida_hpaint.science.structures.primitive import choose_searches, expand_samples

pytestmark = pytest.mark.numerics

DIASPORE = Path(__file__).parents[4] / "examples" / "hosts" / "diaspore.cif"
LATTICES = {
    "triclinic": [[5.0, 0.2, 0.1], [-0.4, 6.1, 0.3], [0.7, -0.5, 7.2]],
    "orthorhombic": [[4.0, 0, 0], [0, 5.0, 0], [0, 0, 7.0]],
    "monoclinic": [[4.0, 0, 0], [0, 6.0, 0], [-1.5, 0, 5.0]],
    "hexagonal": [[5.0, 0, 0], [-2.5, 2.5 * np.sqrt(3), 0], [0, 0, 7.0]],
    "cubic": [[5.0, 0, 0], [0, 5.0, 0], [0, 0, 5.0]],
    "face-centred": [[0, 2.5, 2.5], [2.5, 0, 2.5], [2.5, 2.5, 0]],
}


def draw_setting(rng: np.random.Generator) -> np.ndarray:
    """Return a random matrix of integers of determinant 1 or -1: another cell of a lattice."""
    while True:
        matrix = rng.integers(-2, 3, (3, 3))
        if abs(round(np.linalg.det(matrix))) == 1:
            return np.asarray(matrix)


@given(st.sampled_from(sorted(LATTICES)), st.booleans(), st.integers(0, 10_000))
def test_every_setting_of_a_crystal_has_the_same_frame(
    lattice: str, niggli: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cell, count = np.array(LATTICES[lattice]), int(rng.integers(2, 7))
    numbers, frac = rng.integers(3, 30, count), rng.random((count, 3))
    setting, order = draw_setting(rng), rng.permutation(count)
    turned = setting @ cell @ Rotation.random(random_state=seed).as_matrix()
    moved = (frac @ np.linalg.inv(setting) + rng.random(3))[order]
    before = find_host_frame(cell, numbers, frac, niggli=niggli)
    after = find_host_frame(turned, numbers[order], moved, niggli=niggli)
    np.testing.assert_allclose(after.cell, before.cell, atol=1e-6)
    apart = before.enter(frac)[order] - after.enter(moved)
    np.testing.assert_allclose(apart, np.rint(apart), atol=1e-6)


@pytest.mark.parametrize("lattice", LATTICES)
def test_axes_are_short_and_right_handed(lattice: str) -> None:
    cell = np.array(LATTICES[lattice])
    numbers, frac = np.array([8, 12]), np.array([[0, 0, 0], [0.1, 0.2, 0.4]])
    for handed in (cell, -cell):
        axes = find_canonical_axes(handed, numbers, frac) @ handed
        assert np.linalg.det(axes) == pytest.approx(abs(np.linalg.det(cell)))
        lengths = np.linalg.norm(axes, axis=1)
        assert (np.diff(lengths) > -1e-6).all()
        np.testing.assert_allclose(lengths, np.sort(np.linalg.norm(cell, axis=1)))


def find_gaps(left: StructureBatch, right: StructureBatch) -> np.ndarray:
    """Return how far the inserted sites of one structure are from those of another, Å."""
    apart = left.frac_coords[left.inserted][:, None] - right.frac_coords[right.inserted]
    apart -= np.rint(apart)
    return np.asarray(np.linalg.norm(apart @ left.cells[0], axis=2).min(axis=1))


def test_diaspore_with_other_axes_gets_the_same_samples() -> None:
    hosts, problems = prepare_hosts(DIASPORE)
    assert hosts is not None, problems
    options = SamplingSettings(samples=2, steps=10)
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    other = StructureBatch(
        hosts.labels, swap @ hosts.cells, hosts.site_counts, hosts.numbers,
        hosts.frac_coords @ np.linalg.inv(swap), hosts.inserted, metadata=hosts.metadata,
    )  # fmt: skip
    before, after = generate(hosts, options), generate(other, options)
    known = ~hosts.inserted
    for one, two in zip(before, after, strict=True):
        back = two.with_coords(two.frac_coords @ swap)
        np.testing.assert_allclose(back.frac_coords[known], one.frac_coords[known], atol=1e-12)
        assert are_equivalent(one, back)


def are_equivalent(left: StructureBatch, right: StructureBatch) -> bool:
    """Return whether an operation of the host maps one sample onto another."""
    from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

    known = ~left.inserted
    group = SymmetryOperations.find(
        left.cells[0], left.numbers[known], left.frac_coords[known], 1e-3
    )
    images = group.images(right.frac_coords)
    return any(find_gaps(left, right.with_coords(image)).max() < 1e-4 for image in images)


@pytest.mark.parametrize(
    "centring", [[[0.5, 0.5, 0]], [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]]
)
def test_a_conventional_and_a_primitive_cell_get_the_same_samples(
    centring: list[list[float]],
) -> None:
    rng = np.random.default_rng(1)
    cell = np.diag([8.0, 9.0, 10.0]) + rng.normal(0, 0.2, (3, 3))
    shifts = np.array([[0, 0, 0], *centring])
    frac = (rng.random((4, 3))[:, None] + shifts).reshape(-1, 3) % 1
    numbers = np.repeat([12, 8, 8, 20], len(shifts))
    bare = StructureBatch(("x",), cell[None], [len(frac)], numbers, frac, np.zeros(len(frac), bool))
    host = add_sites(bare, f"H:{2 * len(shifts)}")
    conventional = write_parents(host, [np.flatnonzero(numbers == 8).tolist()])
    (found,) = choose_searches(conventional, "primitive")
    own = StructureBatch(
        ("y",),
        draw_setting(rng) @ found.cells,
        [6],
        found.numbers,
        found.frac_coords,
        found.inserted,
    )
    own = own.with_coords(
        found.frac_coords @ np.linalg.inv(own.cells[0] @ np.linalg.inv(found.cells[0]))
    )
    own = write_parents(own, [[1, 2]])
    options = SamplingSettings(samples=2, steps=10)
    large = expand_samples(generate(found, options), conventional)
    small = generate(own, options)
    for one, two in zip(large, small, strict=True):
        back = two.frac_coords @ two.cells[0] @ np.linalg.inv(one.cells[0])
        repeated = (back[two.inserted][:, None] + shifts).reshape(-1, 3)
        apart = one.frac_coords[one.inserted][:, None] - repeated
        apart -= np.rint(apart)
        assert np.linalg.norm(apart @ cell, axis=2).min(axis=1).max() < 1e-4
