"""Pairs of close points are those of ASE."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from aiida_hpaint.science.structures.periodic_pairs import (
    find_periodic_pairs,
    find_translated_pairs,
)


@pytest.mark.parametrize("seed", range(6))
def test_pairs_and_translations_are_those_of_ase(seed: int) -> None:
    random = np.random.default_rng(seed)
    cell = 3 * np.eye(3) + random.uniform(-0.8, 0.8, (3, 3))
    frac = random.uniform(-1.5, 1.5, (5, 3))
    first, second, images, distances = find_translated_pairs(frac, cell, 4.0)
    atoms = Atoms("H5", scaled_positions=frac, cell=cell, pbc=True)
    i, j, shifts, lengths = neighbor_list("ijSd", atoms, 4.0)
    ours = {(a, b, *s): d for a, b, s, d in zip(first, second, images, distances, strict=True)}
    theirs = {(a, b, *s): d for a, b, s, d in zip(i, j, shifts, lengths, strict=True)}
    assert len(ours) == len(first)
    assert ours == pytest.approx(theirs)
    again = find_periodic_pairs(frac, cell, 4.0)
    assert all(np.array_equal(x, y) for x, y in zip(again, (first, second, distances), strict=True))
