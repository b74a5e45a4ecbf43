"""Bonds and hydrogen bonds that a picture of a crystal shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.hydrogen_bonds import (
    ACCEPTORS,
    LONGEST,
    SMALLEST_ANGLE,
)
from aiida_hpaint.science.structures.periodic_pairs import find_translated_pairs
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

__all__ = ["Place", "SiteBond", "find_endless", "find_scene_bonds", "group_bonds"]

Place = tuple[int, tuple[int, int, int]]
"""A site and its lattice translation."""

_NONMETALS = (5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 51, 52, 53)

# Longest bonds in sums of covalent radii. They only decide where a line is drawn.
_COVALENT = 1.2
_METAL = 1.25
_HYDROGEN = 1.35
_HYDRIDE = 1.3
_SHARED = 0.15
_MOLECULE = 1.5


@dataclass(frozen=True)
class SiteBond:
    """A bond from one site to an image of another; each bond is listed from both ends.

    Attributes
    ----------
    first, second
        The sites.
    image
        Lattice translation of the second, relative to the first.
    kind
        `covalent`, `from metal` or `to metal` (which the first or only the second is), `hydrogen`.
    """

    first: int
    second: int
    image: tuple[int, int, int]
    kind: str

    def reach(self, place: Place) -> Place:
        """Return the atom at the other end, for one at this end."""
        a, b, c = place[1]
        i, j, k = self.image
        return self.second, (a + i, b + j, c + k)


def group_bonds(bonds: Iterable[SiteBond]) -> dict[int, list[SiteBond]]:
    """Return the bonds of each site that they begin at; other sites have an empty list."""
    found: dict[int, list[SiteBond]] = defaultdict(list)
    for bond in bonds:
        found[bond.first].append(bond)
    return found


def find_endless(bonds: Iterable[SiteBond]) -> set[int]:
    """Return the sites of chains, layers and frameworks, whose covalent bonds reach other cells."""
    of_site = group_bonds(bond for bond in bonds if bond.kind == "covalent")
    found: set[int] = set()
    images: dict[int, tuple[int, int, int]] = {}
    for start in list(of_site):
        if start in images:
            continue
        images[start] = (0, 0, 0)
        members, is_endless = [start], False
        for site in members:  # grows while it is read
            for bond in of_site[site]:
                other, image = bond.reach((site, images[site]))
                if other not in images:
                    images[other] = image
                    members.append(other)
                is_endless |= images[other] != image
        if is_endless:
            found.update(members)
    return found


def find_scene_bonds(
    structure: StructureBatch, frac: FloatArray
) -> tuple[list[SiteBond], list[SiteBond]]:
    """Find the bonds of one structure, and its hydrogen bonds (from H to the acceptor).

    Parameters
    ----------
    frac : (n, 3)
        Fractional coordinates that lattice translations of bonds refer to.
    """
    from ase.data import covalent_radii

    numbers, cell = structure.numbers, structure.cells[0]
    radii = covalent_radii[numbers]
    farthest = max(2 * _MOLECULE * float(radii.max()), LONGEST)
    first, second, image, distance = find_translated_pairs(frac, cell, farthest)
    order = np.lexsort((*image.T[::-1], second, first))
    first, second, image, distance = first[order], second[order], image[order], distance[order]
    vector = (frac[second] + image - frac[first]) @ cell
    ratio = distance / (radii[first] + radii[second])
    drawn = _choose_bonds(numbers, first, second, ratio)
    metal = ~np.isin(numbers, _NONMETALS) & (numbers != 1)
    kinds = np.select([metal[first], metal[second]], ["from metal", "to metal"], "covalent")
    bonds = _make_bonds(first, second, image, kinds, drawn)
    contacts = _find_contacts(numbers, first, second, vector, distance, drawn)
    return bonds, _make_bonds(first, second, image, np.full(len(first), "hydrogen"), contacts)


def _choose_bonds(
    numbers: IntArray, first: IntArray, second: IntArray, ratio: FloatArray
) -> BoolArray:
    """Return (p,) which pairs are bonded."""
    nonmetal, hydrogen = np.isin(numbers, _NONMETALS), numbers == 1
    one, two = numbers[first] == 1, numbers[second] == 1
    # The nonmetal that is nearest to each H, and another one that shares it.
    nearest = np.full(len(numbers), np.inf)
    to_nonmetal = one & nonmetal[second]
    np.minimum.at(nearest, first[to_nonmetal], ratio[to_nonmetal])
    own = np.minimum(nearest + _SHARED, _HYDROGEN)
    is_carried = nearest <= _HYDROGEN
    limit = np.full(len(first), _METAL)
    limit[nonmetal[first] & nonmetal[second]] = _COVALENT
    metal = ~nonmetal & ~hydrogen
    limit[metal[first] & metal[second]] = 0.0 if (nonmetal | hydrogen).any() else _METAL
    for ends, others, is_end in ((first, second, one), (second, first, two)):
        limit[is_end & nonmetal[others]] = own[ends[is_end & nonmetal[others]]]
        limit[is_end & metal[others]] = np.where(
            is_carried[ends[is_end & metal[others]]], 0.0, _HYDRIDE
        )
    limit[one & two] = _MOLECULE
    return np.asarray(ratio <= limit)


def _find_contacts(
    numbers: IntArray,
    first: IntArray,
    second: IntArray,
    vector: FloatArray,
    distance: FloatArray,
    drawn: BoolArray,
) -> BoolArray:
    """Return (p,) which pairs are H and the acceptor of a hydrogen bond."""
    acceptor = np.isin(numbers, ACCEPTORS)
    found = np.zeros(len(first), dtype=np.bool_)
    donors = np.flatnonzero((numbers[first] == 1) & drawn & np.isin(numbers[second], _NONMETALS))
    near = np.flatnonzero((numbers[first] == 1) & acceptor[second] & ~drawn & (distance < LONGEST))
    for donor in donors.tolist():
        own = near[first[near] == first[donor]]
        cosines = vector[own] @ vector[donor] / (distance[own] * distance[donor])
        found[own[cosines <= np.cos(np.radians(SMALLEST_ANGLE))]] = True
    return found


def _make_bonds(
    first: IntArray,
    second: IntArray,
    image: IntArray,
    kinds: NDArray[Any],
    chosen: BoolArray,
) -> list[SiteBond]:
    rows = np.flatnonzero(chosen).tolist()
    return [
        SiteBond(int(first[row]), int(second[row]), tuple(image[row].tolist()), str(kinds[row]))
        for row in rows
    ]
