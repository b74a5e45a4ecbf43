from __future__ import annotations

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_hpaint.science.structures import from_ase
from aiida_hpaint.science.symmetry.cell import DENOMINATORS, shift_onto_grid

CRYSTALS = {
    "rocksalt": bulk("LiH", "rocksalt", a=4.02),
    "wurtzite": bulk("ZnO", "wurtzite", a=3.2, c=5.2),
    "diamond": bulk("Si", "diamond", a=5.4),
    "rutile": crystal(
        ["Mg", "H"],
        [(0, 0, 0), (0.304, 0.304, 0)],
        spacegroup=136,
        cellpar=[4.5, 4.5, 3, 90, 90, 90],
    ),
}


def simple(atoms: Atoms) -> bool:
    """Whether spglib's translations are fractions that pw.x accepts."""
    found = spglib.get_symmetry((atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers), 1e-5)
    shifts = found["translations"][..., None] * np.array(DENOMINATORS)
    return bool((np.abs(shifts - np.rint(shifts)).min(-1) < 1e-4).all())


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("seed", range(3))
def test_operations_fit_onto_grids_wherever_the_origin_was(name: str, seed: int) -> None:
    atoms = CRYSTALS[name].copy()
    rng = np.random.default_rng(seed)
    atoms.set_scaled_positions(atoms.get_scaled_positions() + rng.random(3))
    batch = from_ase([atoms])
    moved = shift_onto_grid(batch)
    shift = moved.frac_coords - batch.frac_coords
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-12)
    assert np.abs(shift).max() <= 0.25 + 1e-9
    atoms.set_scaled_positions(moved.frac_coords)
    assert simple(atoms)


@pytest.mark.parametrize("name", CRYSTALS)
def test_what_fits_already_stays(name: str) -> None:
    batch = from_ase([CRYSTALS[name]])
    assert simple(CRYSTALS[name])
    assert shift_onto_grid(batch) is batch


def test_along_polar_axes_nothing_moves() -> None:
    atoms = CRYSTALS["wurtzite"].copy()
    atoms.positions += [0.3, 0.1, 0.777]
    batch = from_ase([atoms])
    shift = (shift_onto_grid(batch).frac_coords - batch.frac_coords) @ batch.cells[0]
    assert np.abs(shift[:, 2]).max() == 0
    assert np.abs(shift[:, :2]).max() > 0
