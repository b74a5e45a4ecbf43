from __future__ import annotations

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk

from aiida_hpaint.science.structures import StructureBatch, from_ase
from aiida_hpaint.science.symmetry.cell import symmetrise_cell

CRYSTALS = {
    "rocksalt": (bulk("LiH", "rocksalt", a=4.02), 48),
    "wurtzite": (bulk("ZnO", "wurtzite", a=3.2, c=5.2), 12),
    "rhombohedral": (bulk("Bi", "rhombohedral", a=4.7, alpha=57), 12),
}


def operations(structure: StructureBatch, tolerance: float) -> int:
    crystal = (structure.cells[0], structure.frac_coords, structure.numbers)
    return len(spglib.get_symmetry(crystal, symprec=tolerance)["rotations"])


def strained(atoms: Atoms, rng: np.random.Generator) -> StructureBatch:
    exact = from_ase([atoms])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    cell = (exact.cells[0] + rng.normal(0, 1e-4, (3, 3))) @ turn
    batch = exact.with_coords(exact.frac_coords)
    object.__setattr__(batch, "cells", cell[None])
    return batch


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_cell_that_is_nearly_symmetric_becomes_so(name: str) -> None:
    atoms, wanted = CRYSTALS[name]
    rough = strained(atoms, np.random.default_rng(3))
    assert operations(rough, 1e-6) < wanted
    exact = symmetrise_cell(rough, 0.01)
    assert operations(exact, 1e-7) == wanted
    before, after = rough.cells[0], exact.cells[0]
    assert np.linalg.det(after) == pytest.approx(np.linalg.det(before), rel=1e-12)
    np.testing.assert_allclose(after, before, atol=1e-3)
    np.testing.assert_array_equal(exact.frac_coords, rough.frac_coords)


def test_a_cell_without_symmetry_stays() -> None:
    rng = np.random.default_rng(1)
    cell = 4 * np.eye(3) + rng.normal(0, 0.5, (3, 3))
    atoms = Atoms("LiH", scaled_positions=rng.random((2, 3)), cell=cell, pbc=True)
    rough = from_ase([atoms])
    np.testing.assert_allclose(symmetrise_cell(rough, 0.01).cells[0], cell, atol=1e-12)
