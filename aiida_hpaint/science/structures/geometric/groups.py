"""Groups of inserted H whose positions their atom's other bonds determine: CH, CH2, CH3, NH, ..."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.structures.geometric.bonds import NONMETALS, Bonds
from aiida_hpaint.science.structures.geometric.directions import Directions, find_directions
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

LENGTHS = {6: 1.09, 7: 1.03}
"""Å, mean C-H and N-H by neutron diffraction (Allen & Bruno, Acta Cryst. B66, 380 (2010))."""


@dataclass(frozen=True)
class GeometricGroup:
    """H of one atom in geometric positions.

    Attributes
    ----------
    parent
        Site that carries them.
    sites : (n,)
        The inserted sites.
    directions
        Directions of their bonds.
    length
        Length of their bonds, Å.
    """

    parent: int
    sites: IntArray
    directions: Directions
    length: float


def find_geometric_groups(
    cell: FloatArray,
    numbers: IntArray,
    frac: FloatArray,
    inserted: BoolArray,
    parents: IntArray,
) -> list[GeometricGroup]:
    """Find the inserted H whose positions follow from the bonds of the C or N that carries them.

    Parameters
    ----------
    cell : (3, 3)
        Lattice vectors as rows, Å.
    numbers, frac, inserted : (n,), (n, 3), (n,)
        Atomic numbers, fractional coordinates and the m inserted sites, whose coordinates are not
        looked at.
    parents : (m,)
        Site that carries each inserted one; -1 where that is not known.

    Returns
    -------
    Groups with directions in the axes of the cell, in the order of their first site.
    """
    sites = np.flatnonzero(inserted)
    carried: dict[int, list[int]] = defaultdict(list)
    for site, parent in zip(sites.tolist(), parents.tolist(), strict=True):
        if parent != UNKNOWN and numbers[parent] in LENGTHS and numbers[site] == 1:
            carried[parent].append(site)
    if not carried:
        return []
    bonds = Bonds.find(cell, numbers, frac, ~inserted)
    found = []
    for parent, members in carried.items():
        number = int(numbers[parent])
        directions = _find_directions(bonds, parent, number, len(members))
        if directions is not None:
            group = GeometricGroup(parent, np.array(members), directions, LENGTHS[number])
            found.append(group)
    return found


def _find_directions(bonds: Bonds, site: int, number: int, count: int) -> Directions | None:
    """Find the directions of the H of one C or N.

    Metals are neighbours of N. They are of C where it has too few others, as in a methyl group on a
    metal; the carbon of a metallocene does not bend to the metal.
    """
    neighbours = bonds.list_neighbours(site)
    covalent = [bond for bond in neighbours if bond.number in NONMETALS]
    for tried in (covalent, neighbours) if number == 6 else (neighbours, covalent):
        found = find_directions(number, tried, count)
        if found is not None:
            return found
    return None
