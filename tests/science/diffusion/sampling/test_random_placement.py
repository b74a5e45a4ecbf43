from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame
from aiida_hpaint.science.diffusion.sampling.random_placement import place_at_random
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
