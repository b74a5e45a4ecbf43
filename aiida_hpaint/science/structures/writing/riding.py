"""Which AFIX of SHELXL describes the H of an atom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite

__all__ = ["KEEP_VECTOR", "choose_riding_model"]

KEEP_VECTOR = 3
"""H keep their vector from the atom that carries them."""

_MODELS = {
    ("C", 1, 3): 13,
    ("C", 1, 2): 43,
    ("C", 1, 1): 163,
    ("C", 2, 2): 23,
    ("C", 2, 1): 93,
    ("C", 3, 1): 137,
    ("N", 1, 3): 13,
    ("N", 1, 2): 43,
    ("N", 2, 2): 23,
    ("N", 3, 1): 137,
}
"""AFIX by element, number of H, and number of other neighbours."""

_BOND = 1.25
"""Longest bond to a neighbour, in sums of covalent radii."""

_ALCOHOL = 147


def choose_riding_model(
    crystal: RestoredCrystal, parent: UniqueSite, riders: Sequence[UniqueSite]
) -> int:
    """Return the code of AFIX for the H of one atom.

    CH, CH2, CH3, NH, NH2 between two atoms, NH3 and C-OH have their own geometry in SHELXL, if all
    of their H are listed and none is on a symmetry element. All others, such as water, OH of
    minerals and planar NH2, keep their vectors.
    """
    group = len(crystal.symmetry.operations)
    if any(len(site.members) != group for site in (parent, *riders)):
        return KEEP_VECTOR
    neighbours = _list_neighbours(crystal, parent)
    if neighbours.count("H") != len(riders):
        return KEEP_VECTOR
    others = [symbol for symbol in neighbours if symbol != "H"]
    if parent.symbol == "O" and len(riders) == 1 and others == ["C"]:
        return _ALCOHOL
    return _MODELS.get((parent.symbol, len(riders), len(others)), KEEP_VECTOR)


def _list_neighbours(crystal: RestoredCrystal, site: UniqueSite) -> list[str]:
    """Return the elements of all atoms that are bound to a site."""
    from ase.data import chemical_symbols, covalent_radii

    structure = crystal.structure
    shifts = structure.frac_coords - site.position
    shifts = (shifts - np.rint(shifts))[:, None] + NEIGHBOURS
    lengths = np.linalg.norm(shifts @ structure.cells[0], axis=-1)
    numbers = structure.numbers
    own = covalent_radii[numbers[site.members[0]]]
    near = (lengths > 0.1) & (lengths < _BOND * (own + covalent_radii[numbers])[:, None])
    return [chemical_symbols[numbers[index]] for index, _ in np.argwhere(near).tolist()]
