from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame, find_origin
from aiida_hpaint.science.structures.batch import StructureBatch

seeds = st.integers(0, 10_000)


def apart(left: np.ndarray, right: np.ndarray) -> float:
    """Largest difference of fractional coordinates, lattice translations aside."""
    difference = left - right
    return float(np.abs(difference - np.round(difference)).max(initial=0.0))


def sites_of(crystal: Structure) -> tuple[np.ndarray, np.ndarray]:
    known = np.array([site.specie.Z != 1 for site in crystal])
    return np.array([site.specie.Z for site in crystal])[known], crystal.frac_coords[known]


@given(seeds)
def test_the_origin_moves_with_the_sites_and_ignores_their_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sites = int(rng.integers(1, 9))
    numbers, frac = rng.integers(1, 90, sites), rng.random((sites, 3))
    shift, order = rng.random(3), rng.permutation(sites)
    moved = find_origin(numbers[order], frac[order] + shift)
    assert apart(moved, find_origin(numbers, frac) + shift) < 1e-8


def test_the_origin_moves_with_symmetric_crystals(
    hosts: StructureBatch, equivalent: Callable[..., bool]
) -> None:
    rng = np.random.default_rng(0)
    for host in hosts:
        numbers, frac = host.numbers[~host.inserted], host.frac_coords[~host.inserted]
        before = find_origin(numbers, frac)
        for shift in [*rng.random((20, 3)), np.array([0.5, 0, 0]), np.array([0.25, 0.25, 0.5])]:
            moved = find_origin(numbers, frac + shift)
            assert equivalent(host, moved[None], (before + shift)[None])


def test_the_frame_follows_a_rotation(crystals: dict[str, Structure]) -> None:
    for crystal in crystals.values():
        numbers, frac = sites_of(crystal)
        cell = crystal.lattice.matrix
        before = find_host_frame(cell, numbers, frac)
        turned = cell @ Rotation.random(random_state=1).as_matrix()
        after = find_host_frame(turned, numbers, frac)
        np.testing.assert_array_equal(after.transform, before.transform)
        np.testing.assert_allclose(after.cell, before.cell, atol=1e-9)


def test_entering_and_leaving_is_the_identity() -> None:
    rng = np.random.default_rng(3)
    cell = np.array([[3.0, 0, 0], [4.0, 3.5, 0], [-5.5, 6.7, 5.0]])
    numbers, frac = np.array([8, 12]), rng.random((2, 3))
    frame = find_host_frame(cell, numbers, frac)
    points = rng.random((5, 3))
    assert apart(frame.leave(frame.enter(points)), points) < 1e-9
    np.testing.assert_allclose(np.linalg.det(frame.cell), np.linalg.det(cell))


def test_an_empty_host_has_an_origin_too() -> None:
    assert find_host_frame(np.eye(3), np.zeros(0, int), np.zeros((0, 3))).origin.tolist() == [
        0,
        0,
        0,
    ]
