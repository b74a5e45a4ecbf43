from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame
from aiida_hpaint.science.diffusion.sampling.random_placement import APART, place_at_random
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch


def test_distances_are_kept_where_there_is_room(hosts: StructureBatch) -> None:
    samples = generate(hosts, SamplingSettings(generator="random", samples=20))
    for sample in samples:
        atoms = Atoms(
            sample.numbers, scaled_positions=sample.frac_coords, cell=sample.cells[0], pbc=True
        )
        distances = atoms.get_all_distances(mic=True)
        np.fill_diagonal(distances, np.inf)
        radii = covalent_radii[sample.numbers]
        limits = 0.8 * (radii[:, None] + radii)
        assert (distances[sample.inserted] > limits[sample.inserted]).all()


def test_a_crowded_cell_is_filled_all_the_same() -> None:
    cell = np.eye(3) * 2.0
    numbers = np.array([12, 1, 1, 1, 1, 1])
    frac = np.full((6, 3), np.nan)
    frac[0] = 0
    unknown = numbers == 1
    frame = find_host_frame(cell, numbers[:1], frac[:1])
    found = place_at_random(frame, numbers, frac, unknown, np.random.default_rng(0))
    assert found.shape == (5, 3)
    assert np.isfinite(found).all()


@given(st.integers(0, 10_000))
def test_each_site_of_a_known_parent_is_at_the_length_of_a_bond(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.array([12, 8, 7, 8, 1, 1, 1, 3])
    cell = np.diag([4.0, 5.0, 6.0]) + rng.normal(0, 0.4, (3, 3))
    frac = rng.random((8, 3))
    unknown = numbers < 4
    frac[unknown] = np.nan
    parents = np.array([*rng.integers(1, 4, 3), -1])
    frame = find_host_frame(cell, numbers[~unknown], frac[~unknown])
    found = place_at_random(frame, numbers, frame.enter(frac), unknown, rng, parents)
    atoms = Atoms(numbers, cell=frame.cell, pbc=True)
    positions = frame.enter(frac)
    positions[unknown] = found
    atoms.set_scaled_positions(positions)
    for site, parent in zip((4, 5, 6), parents[:3], strict=True):
        length = covalent_radii[1] + covalent_radii[numbers[parent]]
        images = atoms.get_distance(site, int(parent), mic=True)
        assert images <= length + 1e-6
        bond = (positions[site] - positions[parent]) @ frame.cell
        assert np.linalg.norm(bond) == pytest.approx(length, abs=1e-9)


def test_hydrogen_of_a_parent_is_closest_to_it_and_apart_where_there_is_room() -> None:
    numbers = np.array([8, 8, 1, 1, 1])
    cell = np.eye(3) * 7
    frac = np.full((5, 3), np.nan)
    frac[:2] = [[0, 0, 0], [0.4, 0, 0]]
    frame = find_host_frame(cell, numbers[:2], frac[:2])
    parents = np.array([0, 0, 1])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = place_at_random(frame, numbers, frame.enter(frac), numbers == 1, rng, parents)
        sites = np.concatenate([frame.enter(frac[:2]), found])
        atoms = Atoms(numbers, scaled_positions=sites, cell=frame.cell, pbc=True)
        distances = atoms.get_all_distances(mic=True)
        assert distances[2:, :2].argmin(1).tolist() == [0, 0, 1]
        assert distances[2, 3] > APART
