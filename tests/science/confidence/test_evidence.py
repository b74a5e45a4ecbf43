"""Whether samples agree is about the H that bonds leave open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule

from aiida_hpaint.science.confidence.evidence import count_found, find_fixed
from aiida_hpaint.science.structures import StructureBatch, from_ase, remove_sites
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.geometric import GEOMETRIC


def make_formic_acid(moved: float, geometric: bool) -> tuple[StructureBatch, StructureBatch]:
    """Return the host, and two samples whose H on O are apart by a length, Å."""
    atoms = molecule("HCOOH", vacuum=3.0, pbc=True)
    hosts, complete = remove_sites(from_ase([atoms]))
    other = complete.cart_coords.copy()
    oxygens, hydrogens = np.flatnonzero(complete.numbers == 8), np.flatnonzero(complete.inserted)
    lengths = np.linalg.norm(other[hydrogens, None] - other[oxygens], axis=-1)
    site = hydrogens[lengths.min(axis=1).argmin()]
    other[site] += moved * np.array([1.0, 0, 0])
    frac = other @ np.linalg.inv(complete.cells[0])
    metadata = ({GEOMETRIC: 1},) if geometric else ({},)
    pair = [
        replace(complete, metadata=metadata, frac_coords=x) for x in (complete.frac_coords, frac)
    ]
    return hosts, concatenate(pair)


@pytest.mark.parametrize(
    ("moved", "geometric", "count"), [(0.3, True, 2), (0.65, True, 1), (0.65, False, 2)]
)
def test_h_that_bonds_fix_do_not_make_samples_agree(
    moved: float, geometric: bool, count: int
) -> None:
    host, samples = make_formic_acid(moved, geometric)
    assert find_fixed(samples[0], host).sum() == int(geometric)
    assert count_found(samples, host, np.array([0]), np.array([0, 1])).tolist() == [count]
