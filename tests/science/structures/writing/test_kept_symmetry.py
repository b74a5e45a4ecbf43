"""Operations that a restored structure keeps."""

from __future__ import annotations

import numpy as np
import spglib
from ase import Atoms
from ase.build import bulk

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.kept_symmetry import find_kept_symmetry


def find_operations(atoms: Atoms) -> SymmetryOperations:
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry(cell, symprec=1e-3)
    return SymmetryOperations(
        atoms.cell.array, found["rotations"].astype(float), found["translations"]
    )


def test_a_supercell_keeps_what_spglib_finds_after_a_site_has_moved() -> None:
    atoms = bulk("NaCl", "rocksalt", 5.64).repeat(2)
    operations = find_operations(atoms)
    assert len(operations) == 8 * 48
    whole = find_kept_symmetry(operations, atoms.numbers, atoms.get_scaled_positions(), 0.1)
    assert np.array_equal(whole.kept, np.arange(8 * 48))
    # Along one axis of the cell, farther than the tolerance: a threefold axis with its mirrors.
    atoms.positions[0] += 0.3 * np.ones(3) / np.sqrt(3)
    kept = find_kept_symmetry(operations, atoms.numbers, atoms.get_scaled_positions(), 0.1)
    assert len(kept.kept) == len(find_operations(atoms)) == 6
