"""Subsets of the inserted sites of an arrangement: which are placed anew beside the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.evaluation.equivalence import compute_site_distances
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents, write_parents
from aiida_hpaint.science.structures.geometric import find_geometric_groups
from aiida_hpaint.science.types import BoolArray, IntArray


@dataclass(frozen=True)
class Unit:
    """Inserted sites that one atom carries, like those of a water molecule.

    Attributes
    ----------
    carrier
        Site that carries them; -1 for a site that nothing carries, which is a unit of its own.
    members : (k,)
        Places among the inserted sites.
    """

    carrier: int
    members: IntArray


def list_units(arrangement: StructureBatch, geometric: bool = True) -> list[Unit]:
    """Return the units of inserted sites of one arrangement.

    Parameters
    ----------
    geometric
        Whether H in geometric positions are left out: there is no other place for them.
    """
    carriers = find_parents(arrangement)
    settled = _list_settled(arrangement, carriers) if geometric else set[int]()
    units = [
        Unit(carrier, np.flatnonzero(carriers == carrier))
        for carrier in dict.fromkeys(carriers.tolist())
        if carrier != UNKNOWN and carrier not in settled
    ]
    loose = np.flatnonzero(carriers == UNKNOWN)
    return units + [Unit(UNKNOWN, loose[place : place + 1]) for place in range(len(loose))]


def choose_subset(
    arrangement: StructureBatch,
    units: Sequence[Unit],
    rng: np.random.Generator,
    alone: bool = False,
) -> BoolArray:
    """Choose (m,) inserted sites of one arrangement, some but not all.

    They are those of whole units, either close to each other or anywhere, or single sites where one
    atom carries all.

    Parameters
    ----------
    units
        Units to choose from.
    alone
        Whether a single site is chosen.
    """
    chosen = np.zeros(int(arrangement.insert_counts[0]), dtype=np.bool_)
    members = np.sort(np.concatenate([unit.members for unit in units]))
    if alone or len(members) == len(units[0].members) == len(chosen):
        size = 1 if alone else int(rng.integers(1, len(chosen)))
        chosen[members[rng.permutation(len(members))[:size]]] = True
        return chosen
    size = int(rng.integers(1, max(len(units) // 2, 1) + 1))
    order = rng.permutation(len(units))
    if rng.random() < 0.5:
        first = arrangement.frac_coords[arrangement.inserted][[unit.members[0] for unit in units]]
        lengths = compute_site_distances(arrangement.cells[0], first[order[:1]], first)[0]
        order = np.argsort(lengths, kind="stable")
    for place in order[:size]:
        chosen[units[place].members] = True
    return chosen


def _list_settled(arrangement: StructureBatch, carriers: IntArray) -> set[int]:
    """Return the atoms whose H are in geometric positions."""
    groups = find_geometric_groups(
        arrangement.cells[0],
        arrangement.numbers,
        arrangement.frac_coords,
        arrangement.inserted,
        carriers,
    )
    return {group.parent for group in groups}


def free_places(arrangement: StructureBatch, chosen: BoolArray) -> StructureBatch:
    """Return an arrangement whose budget gives the chosen sites the places that no other takes.

    Parameters
    ----------
    chosen : (m,)
        Inserted sites that are placed anew.
    """
    parents = read_parents(arrangement)
    if (parents == UNKNOWN).all():
        return arrangement
    carriers = find_parents(arrangement)
    left = Counter(parents[parents != UNKNOWN].tolist()) - Counter(carriers[~chosen].tolist())
    places = sorted(left.elements())[: int(chosen.sum())]
    carriers = carriers.copy()
    carriers[chosen] = [*places, *[UNKNOWN] * (int(chosen.sum()) - len(places))]
    return write_parents(arrangement, [carriers])
