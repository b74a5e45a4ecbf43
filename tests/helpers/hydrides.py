"""Palladium hydride, whose energies EMT knows."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.spacegroup import crystal


def palladium_hydride(seed: int, hydrogens: int = 2) -> Atoms:
    """A cubic cell of four Pd with H scattered around the octahedral sites."""
    rng = np.random.default_rng(seed)
    atoms = crystal("Pd", [(0, 0, 0)], spacegroup=225, cellpar=[4.0, 4.0, 4.0, 90, 90, 90])
    places = np.array([[0.5, 0.5, 0.5], [0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]])
    shifted = places[:hydrogens] + rng.uniform(-0.08, 0.08, (hydrogens, 3))
    return atoms + Atoms("H" * hydrogens, scaled_positions=shifted, cell=atoms.cell, pbc=True)
