"""Rows of a list of sites that repeat an earlier row by symmetry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from aiida_hpaint.science.structures.reading.expand import (
    SAME_IMAGE,
    find_site_images,
    is_partial,
)
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

__all__ = ["drop_repeated_sites"]


def drop_repeated_sites(
    sites: Iterable[ListedSite], operations: SymmetryOperations, notes: list[str]
) -> tuple[ListedSite, ...]:
    """Leave out fully occupied sites that are images of an earlier one of their element.

    Some programs list whole molecules, beyond the asymmetric unit: two atoms of one element are
    never at the same place, so that such a row is the same atom. A note names them.
    """
    kept: list[ListedSite] = []
    images: dict[str, list[FloatArray]] = defaultdict(list)
    repeated = []
    for site in sites:
        if site.position is None or site.is_dummy or site.occupancy <= 0 or is_partial(site):
            kept.append(site)
            continue
        if images[site.symbol]:
            apart = np.concatenate(images[site.symbol]) - np.array(site.position)
            apart -= np.round(apart)
            if np.linalg.norm(apart @ operations.cell, axis=1).min() < SAME_IMAGE:
                repeated.append(site.label)
                continue
        images[site.symbol].append(find_site_images(site, operations))
        kept.append(site)
    if repeated:
        notes.append(
            f"Rows that repeat an earlier site by symmetry were left out: {', '.join(repeated)}."
        )
    return tuple(kept)
