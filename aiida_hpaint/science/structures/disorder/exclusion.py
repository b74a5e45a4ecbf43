"""Which alternatives of disorder are too close to be occupied at the same time."""

from __future__ import annotations

from functools import lru_cache

from aiida_hpaint.science.structures.disorder.images import is_hydrogen
from aiida_hpaint.science.structures.records import ListedSite

GROUP_REACH = 2.0
"""Atoms of different groups of one disorder assembly exclude each other up to this distance (Å):
alternatives of one atom are closer, neighbouring molecules farther apart."""

_OVERLAP_RATIO = 0.6  # of the sum of covalent radii; the shortest bonds, U=O, come to 0.67
_METAL_RATIO = 0.8  # metals in oxides come to 0.9 or more
_BOND_RATIO = 0.65
_BONDED_RATIO = 1.2
_NONMETAL_RATIO = 0.73  # triple bonds come to 0.77
_BOUND_TO_NOTHING = {"O": 1.8, "F": 1.8}  # closest edges of CO3, BF4 and CF3 have 2.0 Å or more
_TWO_HYDROGENS = 1.1  # those of water, listed with the short O-H of X-ray work, have 1.25 Å
_HYDROGEN_AND_OTHER = 0.65


def overlap(first: ListedSite, second: ListedSite, distance: float) -> bool:
    """Return whether no two atoms of any structure are as close as that (Å)."""
    if is_hydrogen(first) or is_hydrogen(second):
        return distance < 0.5
    return distance < _OVERLAP_RATIO * _sum_radii(first.symbol, second.symbol)


def exclude(
    first: ListedSite, second: ListedSite, distance: float, are_images_of_group: bool = False
) -> bool:
    """Return whether two partly occupied sites at a distance (Å) are alternatives.

    `are_images_of_group`: they are in different images of one disorder group.
    """
    if is_hydrogen(first) or is_hydrogen(second):
        both = is_hydrogen(first) and is_hydrogen(second)
        return distance < (_TWO_HYDROGENS if both else _HYDROGEN_AND_OTHER)
    if are_alternative_groups(first, second) or (
        are_images_of_group and is_about_symmetry(first) and is_about_symmetry(second)
    ):
        return distance < GROUP_REACH
    return distance < _closest(*sorted((first.symbol, second.symbol)))


def are_alternative_groups(first: ListedSite, second: ListedSite) -> bool:
    """Return whether two sites are in different disorder groups of the same assembly."""
    named = first.group and second.group and first.group != second.group
    return bool(named) and first.assembly == second.assembly


def is_covalent_bond(first: ListedSite, second: ListedSite, distance: float) -> bool:
    """Return whether two nonmetals are as close as bonded atoms."""
    from pymatgen.core import Element

    symbols = (first.symbol, second.symbol)
    if any(Element(symbol).is_metal for symbol in symbols) or set(symbols) <= {"O", "F"}:
        return False
    return distance < _BONDED_RATIO * _sum_radii(*symbols)


def is_about_symmetry(site: ListedSite) -> bool:
    """Return whether a site is disordered about a symmetry element (a negative group)."""
    return site.group.startswith("-")


@lru_cache(maxsize=1024)
def _closest(first: str, second: str) -> float:
    from pymatgen.core import Element

    if first in _BOUND_TO_NOTHING and second in _BOUND_TO_NOTHING:
        return _BOUND_TO_NOTHING[first]
    metals = sum(Element(symbol).is_metal for symbol in (first, second))
    ratio = (_NONMETAL_RATIO, _BOND_RATIO, _METAL_RATIO)[metals]
    return ratio * _sum_radii(first, second)


def _sum_radii(first: str, second: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    numbers = [atomic_numbers.get(symbol, 1) for symbol in (first, second)]  # D and T are hydrogen
    return float(covalent_radii[numbers].sum())
