"""Bonds of the nonmetals of molecules and organic groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.periodic_pairs import find_translated_pairs
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

CONJUGATED = 1.42
"""Longest bond (Å) of a trigonal N, or of the C of a CH2 group, to C: C=C has 1.33, C-N of amides
and anilines up to 1.40; single bonds to tetrahedral C have 1.46 and more. Bonds to other elements
differ by their covalent radius: up to 1.37 to N, as in pyrazole, where N-N of hydrazines has 1.40
and more, and 1.71 to S of sulfonamides."""

PLANAR = 0.25
"""Largest triple product of unit vectors along three bonds in a plane, 0.77 for a tetrahedron."""

REACH = 3.0
"""Longest bond of C or N that is looked for, Å."""

LONGEST_BOND = 1.25
"""Longest bond of two nonmetals, relative to the sum of their covalent radii."""

LONGEST_METAL_BOND = 1.15
"""The same for C or N and a metal that it is coordinated to."""

NONMETALS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 51, 52, 53)
"""Elements that C and N have covalent bonds to."""

IONIC = (3, 4, 11, 12, 19, 20, 37, 38, 55, 56)
"""Metals that are no neighbours: NH3 beside K is that of ammonium, however close it is."""

_UNEVEN = np.sqrt([2.0, 3.0, 5.0])
"""Direction that no symmetry of a cell has."""


@dataclass(frozen=True)
class Neighbour:
    """Atom that another one is bonded to.

    Attributes
    ----------
    number
        Its atomic number.
    direction : (3,)
        Unit vector towards it.
    length
        Length of the bond, Å.
    beyond : (q, 3)
        Directions of its other bonds.
    """

    number: int
    direction: FloatArray
    length: float
    beyond: FloatArray

    @property
    def is_conjugated(self) -> bool:
        """Whether the bond is too short for a single one of N."""
        from ase.data import covalent_radii

        longer = covalent_radii[self.number] - covalent_radii[6]
        is_covalent = self.number in NONMETALS and self.number != 1
        return bool(is_covalent and self.length <= CONJUGATED + longer)

    @property
    def is_to_trigonal(self) -> bool:
        """Whether the neighbour has two more bonds in a plane, or one and room for an H in it."""
        if len(self.beyond) == 1:
            return bool(0.8 < np.linalg.norm(self.beyond[0] - self.direction) < 1.3)
        volume = np.linalg.det([self.direction, *self.beyond]) if len(self.beyond) == 2 else 1.0
        return bool(abs(volume) < PLANAR)


@dataclass(frozen=True)
class Bonds:
    """Bonds of known nonmetals, with the vectors (Å) and the elements at their ends."""

    first: IntArray
    second: IntArray
    vectors: FloatArray
    ends: IntArray

    @classmethod
    def find(cls, cell: FloatArray, numbers: IntArray, frac: FloatArray, known: BoolArray) -> Bonds:
        """Find the bonds of the known sites of a structure, see `find_geometric_groups`."""
        from ase.data import covalent_radii

        places = np.flatnonzero(known)
        first, second, images, distances = find_translated_pairs(frac[places], cell, REACH)
        vectors = (frac[places][second] + images - frac[places][first]) @ cell
        first, second = places[first], places[second]
        starts, ends = numbers[first], numbers[second]
        longest = np.where(np.isin(ends, NONMETALS), LONGEST_BOND, LONGEST_METAL_BOND)
        bonded = distances <= longest * (covalent_radii[starts] + covalent_radii[ends])
        bonded &= np.isin(starts, NONMETALS) & ~np.isin(ends, IONIC)
        bonded &= (starts != 1) | (ends != 1)
        return cls(first[bonded], second[bonded], vectors[bonded], ends[bonded])

    def list_neighbours(self, site: int) -> list[Neighbour]:
        """Return the neighbours of one nonmetal, in an order that their directions alone decide."""
        bonds = np.flatnonzero(self.first == site)
        order = np.argsort(self.vectors[bonds] @ _UNEVEN, kind="stable")
        return [self._describe(bond) for bond in bonds[order].tolist()]

    def _describe(self, bond: int) -> Neighbour:
        vector, other = self.vectors[bond], self.second[bond]
        length = float(np.linalg.norm(vector))
        beyond = self.vectors[(self.first == other) & np.isin(self.ends, NONMETALS)]
        # One of them leads back.
        beyond = beyond[np.linalg.norm(beyond + vector, axis=1) > 0.1]
        beyond = beyond[np.argsort(beyond @ _UNEVEN, kind="stable")]
        units = beyond / np.linalg.norm(beyond, axis=1, keepdims=True)
        return Neighbour(int(self.ends[bond]), vector / length, length, units)
