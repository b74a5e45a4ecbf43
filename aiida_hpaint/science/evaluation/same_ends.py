"""Candidates that became the same structure when all sites relaxed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.duplicates import SAME_STRAIN
from aiida_hpaint.science.evaluation.equivalence import find_closest_distances, find_host_symmetry
from aiida_hpaint.science.evaluation.matching import place_without_drift
from aiida_hpaint.science.evaluation.ranking import find_repeats, list_relaxed
from aiida_hpaint.science.settings import FilterSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import is_same_cell
from aiida_hpaint.science.structures.sample_origin import SYMMETRISED
from aiida_hpaint.science.structures.status import STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

__all__ = ["mark_same_ends"]


def mark_same_ends(
    samples: StructureBatch, hosts: StructureBatch, same: float = FilterSettings().same
) -> StructureBatch:
    """Mark finished samples DUPLICATE that ended where a lower one of their host did.

    Arrangements that differ in the fixed host, or in the cells of two searches, may become the same
    when all sites relax. Those that pass the checks (scalar `passes`) are compared with each other,
    and so are those that fail. The counts `found` and `repeats` of a search, where there are any,
    of the one that stays become those of all; the scalar `same_as` becomes its number.

    Parameters
    ----------
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.
    same
        Largest distance in Å of inserted sites, without the drift of their host, at which samples
        are the same.
    """
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    passes = samples.scalars.get("passes", np.ones(len(samples), dtype=np.bool_))
    energies = samples.scalars["energy"] / samples.site_counts
    rows = hosts.find_host_rows()
    changed = {
        name: samples.scalars[name].copy()
        for name in ("found", "repeats", "same_as")
        if name in samples.scalars
    }
    for members in list_relaxed(samples):
        host = hosts[rows[int(samples.host_indices[members[0]])]]
        is_same = partial(_is_same, samples, host, cache(partial(find_host_symmetry, host)), same)
        for alike in (members[passes[members]], members[~passes[members]]):
            for index, kept in find_repeats(alike, energies, is_same).items():
                statuses[index] = SampleStatus.DUPLICATE.value
                _add_counts(samples, changed, index, kept)
    return samples.with_scalars(status=statuses, **changed)


def _is_same(
    samples: StructureBatch,
    host: StructureBatch,
    find_symmetry: Callable[[], SymmetryOperations],
    same: float,
    lower: int,
    index: int,
) -> bool:
    """Return whether two samples ended in the same cell and arrangement."""
    left, right = samples[lower], samples[index]
    if not is_same_cell(left.cells[0], right.cells[0], SAME_STRAIN):
        return False
    sites = (place_without_drift(one, host) for one in (left, right))
    numbers = right.numbers[right.inserted]
    return bool(find_closest_distances(find_symmetry(), numbers, *sites).max(initial=0.0) < same)


def _add_counts(
    samples: StructureBatch, changed: dict[str, NDArray[np.int64]], index: int, kept: int
) -> None:
    """Add what a search counted for one sample to the counts of the one that it repeats."""
    if "same_as" in changed:
        changed["same_as"][index] = samples.scalars["sample"][kept]
    if "found" in changed:
        changed["found"][kept] += samples.scalars["found"][index]
    if "repeats" in changed:
        itself = int(samples.scalars["origin"][index] != SYMMETRISED)
        changed["repeats"][kept] += samples.scalars["repeats"][index] + itself
