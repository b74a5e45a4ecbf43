"""Rows of a list of sites that repeat an earlier row by symmetry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from aiida_hpaint.science.structures.reading.expand import FULL_OCCUPANCY, SAME_IMAGE
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

__all__ = ["drop_repeated_sites"]


def drop_repeated_sites(
    sites: Iterable[ListedSite], operations: SymmetryOperations, notes: list[str]
) -> tuple[ListedSite, ...]:
    """Leave out fully occupied sites that are images of an earlier one of their element.

    Some programs list whole molecules, beyond the asymmetric unit: two atoms of one element are
    never at the same place, so that such a row is the same atom. A note names them.
    """
    listed = tuple(sites)
    repeated: set[int] = set()
    members: dict[str, list[int]] = defaultdict(list)
    for index, site in enumerate(listed):
        if site.position is not None and not site.is_dummy and site.occupancy > 1 - FULL_OCCUPANCY:
            members[site.symbol].append(index)
    for indices in members.values():
        positions = np.array([listed[index].position for index in indices], dtype=np.float64)
        images = operations.images(positions)
        for row in range(1, len(indices)):
            apart = images[:, :row] - positions[row]
            apart -= np.round(apart)
            if np.linalg.norm(apart @ operations.cell, axis=2).min() < SAME_IMAGE:
                repeated.add(indices[row])
    if repeated:
        names = ", ".join(listed[index].label for index in sorted(repeated))
        notes.append(f"Rows that repeat an earlier site by symmetry were left out: {names}.")
    return tuple(site for index, site in enumerate(listed) if index not in repeated)
