"""Supercells of brucite, the crystal that speed is measured on by size."""

from __future__ import annotations

from ase import Atoms
from ase.spacegroup import crystal


def make_brucite(repeats: tuple[int, int, int]) -> Atoms:
    """Return a supercell of brucite, Mg(OH)2."""
    atoms = crystal(
        ["Mg", "O", "H"],
        [(0, 0, 0), (1 / 3, 2 / 3, 0.2203), (1 / 3, 2 / 3, 0.4130)],
        spacegroup=164,
        cellpar=[3.15, 3.15, 4.77, 90, 90, 120],
    )
    result: Atoms = atoms * repeats
    return result
