"""Listed H that are at no place for an H: placeholders, and those that nothing carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.elements import ISOTOPES, get_atomic_number
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

__all__ = ["check_listed_hydrogen"]

_HYDROGEN = ("H", *ISOTOPES)
_CARRIERS = ("B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Te", "I")

_FAR = 2.0
"""Fractional coordinate from which three of them are a sign of no position, like 9.999."""

_SHORTEST = 0.5
"""Distance (Å) from an atom that no H has."""

_LONGEST = 1.35, 2.6
"""Longest distances (Å) of an H from a small non-metal and from a metal that carries it."""

_BOND = 1.25
"""Longest distance relative to the sum of covalent radii: P-H 1.4 Å, Ba-H 2.8 Å, Cs-H 3.2 Å."""


def check_listed_hydrogen(
    sites: Sequence[ListedSite], operations: SymmetryOperations, notes: list[str]
) -> tuple[ListedSite, ...]:
    """Take the positions of H that are placeholders away, and name other H that nothing carries.

    Refinement programs and databases write H that were not located at 0 0 0 or at 9.999 9.999
    9.999. Several H at one position are placeholders, and one at 0 0 0 where no atom carries it;
    several that an atom carries elsewhere are rows that repeat one of them.
    """
    listed = [
        index
        for index, site in enumerate(sites)
        if site.symbol in _HYDROGEN and site.position is not None and not site.is_dummy
    ]
    places = Counter(sites[i].position for i in listed if _is_full(sites[i]))
    placeholders, loose = list[int](), list[int]()
    images, longest = _find_carriers(sites, operations)
    for index in listed:
        site = sites[index]
        position = np.array(site.position)
        several, is_origin = places[site.position] > 1, not position.any()
        if (several and is_origin) or (np.abs(position) > _FAR).all():
            placeholders.append(index)
        elif not _is_carried(site, images, longest, operations.cell):
            (placeholders if several or is_origin else loose).append(index)
    if placeholders:
        names = ", ".join(sites[index].label for index in placeholders)
        notes.append(f"H at placeholders such as 0 0 0 have no position: {names}.")
    if loose:
        names = ", ".join(sites[index].label for index in loose)
        notes.append(f"No atom is near enough to carry these listed H, which were kept: {names}.")
    return tuple(
        replace(site, position=None) if index in placeholders else site
        for index, site in enumerate(sites)
    )


def _is_full(site: ListedSite) -> bool:
    return site.occupancy > 0.99 and not site.group


def _find_carriers(
    sites: Sequence[ListedSite], operations: SymmetryOperations
) -> tuple[FloatArray, FloatArray]:
    """Return the (G, n, 3) images of atoms other than H, and the (n,) longest distances of an H.

    There are none where no O, N or C is listed, so that nothing can be said of H.
    """
    from ase.data import covalent_radii

    others = [
        one
        for one in sites
        if one.position is not None and not one.is_dummy and one.symbol not in _HYDROGEN
    ]
    if not any(one.symbol in ("O", "N", "C") for one in others):
        return np.empty((len(operations), 0, 3)), np.empty(0)
    positions = np.array([one.position for one in others], dtype=np.float64)
    radii = covalent_radii[[get_atomic_number(one.symbol) for one in others]] + covalent_radii[1]
    longest = np.maximum([_LONGEST[one.symbol not in _CARRIERS] for one in others], _BOND * radii)
    return operations.images(positions), longest


def _is_carried(
    site: ListedSite, images: FloatArray, longest: FloatArray, cell: FloatArray
) -> bool:
    """Return whether a listed atom is at the distance of one that carries an H."""
    if not len(longest):
        return True
    apart = images - np.array(site.position)
    apart -= np.round(apart)
    distances = np.linalg.norm(apart @ cell, axis=2).min(axis=0)
    return bool(((distances > _SHORTEST) & (distances <= longest)).any())
