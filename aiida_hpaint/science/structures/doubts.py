"""Doubts about hosts: what no crystal has, but a wrong cell, setting or coordinate gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["note_doubts"]

BONDED = 1.3
"""Longest bond, relative to the sum of covalent radii."""

ISOLATED = 1.6
"""The same for the nearest neighbour of an atom, beyond which it is bonded to nothing."""

CLOSEST_ANIONS = 2.2
"""Distance in Å below which O and F are close; the shortest hydrogen bonds, F-H-F, have 2.26."""

_LIGHT_ANIONS = (8, 9)
_MAY_BE_ALONE = (1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 51, 52, 53, 54)
"""Elements whose neighbours may all be H that is missing, and noble gases."""


def note_doubts(host: StructureBatch) -> StructureBatch:
    """Add notes about atoms of one host that are where no crystal has them.

    These are metals bonded to nothing, and O or F that are too close for two anions although they
    are neither bonded to each other nor to a common atom, whose coordination they would share.
    Nothing is refused: the structure may still be worth a try.
    """
    found = [*_find_lone_metals(host), *_find_close_anions(host)]
    if not found:
        return host
    metadata = host.metadata[0]
    notes = [*(metadata.get("notes") or ()), *found]
    return replace(host, metadata=({**metadata, "notes": notes},))


def _find_lone_metals(host: StructureBatch) -> Iterator[str]:
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    atoms, sites = _get_placed(host)
    first = neighbor_list("i", atoms, ISOLATED * covalent_radii[atoms.numbers])
    alone = np.setdiff1d(np.flatnonzero(~np.isin(atoms.numbers, _MAY_BE_ALONE)), first)
    if len(alone) and len(atoms) > 1:
        names = ", ".join(dict.fromkeys(_name(host, int(sites[one])) for one in alone))
        yield f"{names}: no other atom is in reach of a bond: check cell and symmetry."


def _find_close_anions(host: StructureBatch) -> Iterator[str]:
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    atoms, sites = _get_placed(host)
    first, second, image, distance = neighbor_list(
        "ijSd", atoms, BONDED * covalent_radii[atoms.numbers]
    )
    around: dict[int, set[tuple[int, ...]]] = defaultdict(set)
    for one, other, shift in zip(first.tolist(), second.tolist(), image.tolist(), strict=True):
        around[one].add((other, *shift))
    anions = {(a, b): CLOSEST_ANIONS for a in _LIGHT_ANIONS for b in _LIGHT_ANIONS}
    first, second, image, distance = neighbor_list("ijSd", atoms, anions)
    names: dict[str, float] = {}
    for one, other, shift, length in zip(
        first.tolist(), second.tolist(), image.tolist(), distance.tolist(), strict=True
    ):
        moved = {(site, *np.add(cell, shift).tolist()) for site, *cell in around[other]}
        if one <= other and (other, *shift) not in around[one] and not around[one] & moved:
            name = " and ".join(sorted(_name(host, int(sites[place])) for place in (one, other)))
            names[name] = min(length, names.get(name, length))
    for name, length in names.items():
        yield (
            f"{name} are {length:.2f} Å apart, too close for anions that share no atom: "
            "check cell, symmetry and disorder."
        )


def _get_placed(host: StructureBatch) -> tuple[Atoms, np.ndarray]:
    """Return the atoms of the host that have a position, and their sites."""
    from ase import Atoms

    sites = np.flatnonzero(np.isfinite(host.frac_coords).all(1) & ~host.inserted)
    coords = host.frac_coords[sites]
    return Atoms(host.numbers[sites], scaled_positions=coords, cell=host.cells[0], pbc=True), sites


def _name(host: StructureBatch, site: int) -> str:
    labels = host.metadata[0].get("site_labels") or ()
    return str(labels[site]) if site < len(labels) else get_symbol(int(host.numbers[site]))
