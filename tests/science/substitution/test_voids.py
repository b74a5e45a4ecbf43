"""Interstitial voids, compared with those that hydrides have."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal
from aiida_hpaint.science.substitution.voids import CLOSEST_HYDROGENS, VOID_NUMBER, mark_voids


def crystal_of(atoms: Atoms) -> TrainingCrystal:
    return TrainingCrystal(
        atoms.numbers.astype(np.int64), atoms.get_scaled_positions(), atoms.cell.array
    )


def fill(atoms: Atoms, seed: int) -> Atoms:
    marked = mark_voids(crystal_of(atoms), np.random.default_rng(seed))
    return Atoms(marked.numbers, scaled_positions=marked.frac, cell=marked.cell, pbc=True)


def test_palladium_takes_hydrogen_between_six_atoms() -> None:
    filled = fill(bulk("Pd", "fcc", a=3.89), 0)
    assert filled.numbers.tolist() == [46, VOID_NUMBER]
    assert filled.get_scaled_positions()[1] == pytest.approx([0.5, 0.5, 0.5])


def test_vanadium_takes_hydrogen_between_four_atoms() -> None:
    filled = fill(bulk("V", "bcc", a=3.03), 0)
    (place,) = np.flatnonzero(filled.numbers == VOID_NUMBER)[:1]
    nearest = np.sort((filled * (3, 3, 3)).get_distances(26 + place, range(54), mic=True))
    assert nearest[1] == pytest.approx(3.03 * np.sqrt(5) / 4)


@pytest.mark.parametrize("seed", range(6))
def test_voids_keep_their_distance(seed: int) -> None:
    filled = fill(bulk("Y", "hcp"), seed)
    voids = filled[filled.numbers == VOID_NUMBER] * (2, 2, 2)
    distances = voids.get_all_distances(mic=True)
    assert distances[~np.eye(len(voids), dtype=bool)].min() >= CLOSEST_HYDROGENS


def test_a_crystal_without_room_stays_as_it_is() -> None:
    diamond = crystal_of(bulk("Cu", "fcc", a=2.6))
    assert mark_voids(diamond, np.random.default_rng(0)) is diamond
