"""Parents of inserted sites: the atoms of the host that carry them, as the budget says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import BoolArray, IntArray

__all__ = ["UNKNOWN", "encode_carried", "read_parents", "write_parents"]

UNKNOWN = -1
"""Parent of an inserted site of which nobody knows which atom carries it."""


def read_parents(structure: StructureBatch) -> IntArray:
    """Return the (m,) index of the host atom that carries each inserted site of one structure.

    Indices count the sites of the structure, and `UNKNOWN` (-1) stands where there is no budget,
    where it does not say, and where it was made for another number of inserted sites.

    Raises
    ------
    ValueError
        If a parent is no site of the host.
    """
    count = int(structure.insert_counts[0])
    budget = structure.metadata[0].get("budget") or {}
    listed = budget.get("parents")
    if listed is None or len(listed) != count:
        return np.full(count, UNKNOWN, dtype=np.int64)
    parents = np.asarray(listed, dtype=np.int64)
    known = parents[parents != UNKNOWN]
    inside = (known >= 0) & (known < structure.n_sites)
    if not inside.all() or structure.inserted[known].any():
        wrong = [one for one in known.tolist() if not _is_host_site(structure, one)]
        raise ValueError(
            f"{structure.labels[0]}: its budget names site {wrong[0]} as the parent of an inserted "
            "site, which is no site of the host: read the host again"
        )
    return parents


def write_parents(
    structures: StructureBatch, parents: Sequence[IntArray | Sequence[int]]
) -> StructureBatch:
    """Return the structures with the parents of their inserted sites in the budget of each.

    Parameters
    ----------
    parents
        (m,) indices for each structure, as `read_parents` returns them.

    Raises
    ------
    ValueError
        If a structure has another number of inserted sites than parents.
    """
    metadata = []
    for row, each in enumerate(parents):
        if len(each) != structures.insert_counts[row]:
            raise ValueError(
                f"{structures.labels[row]}: {len(each)} parents for "
                f"{structures.insert_counts[row]} inserted sites: give one for each"
            )
        budget = {**(structures.metadata[row].get("budget") or {}), "parents": list(map(int, each))}
        metadata.append({**structures.metadata[row], "budget": budget})
    return replace(structures, metadata=tuple(metadata))


def encode_carried(parents: IntArray, inserted: BoolArray) -> IntArray:
    """Return (n,) 1 + the number of inserted sites that each site carries; 0 where it is not known.

    Inserted sites get 0. That a site carries none is known only if all parents are.

    Parameters
    ----------
    parents : (m,) sites that carry the inserted ones, or `UNKNOWN`.
    inserted : (n,) True for the m inserted sites.
    """
    known = parents != UNKNOWN
    counts = np.bincount(parents[known], minlength=len(inserted))
    stated = (counts > 0) | known.all()
    return np.asarray(np.where(stated & ~inserted, counts + 1, 0), dtype=np.int64)


def _is_host_site(structure: StructureBatch, index: int) -> bool:
    return 0 <= index < structure.n_sites and not structure.inserted[index]
