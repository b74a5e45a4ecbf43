"""Candidates that became the same structure when all sites relaxed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.duplicates import SAME_STRAIN
from aiida_hpaint.science.evaluation.equivalence import find_closest_distances, find_host_symmetry
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY, list_relaxed
from aiida_hpaint.science.settings import FilterSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import is_same_cell
from aiida_hpaint.science.structures.sample_origin import SYMMETRISED
from aiida_hpaint.science.structures.status import STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.types import FloatArray

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
    rows = hosts.find_host_rows()
    changed = {
        name: samples.scalars[name].copy()
        for name in ("found", "repeats", "same_as")
        if name in samples.scalars
    }
    for members in list_relaxed(samples):
        host = hosts[rows[int(samples.host_indices[members[0]])]]
        for alike in (members[passes[members]], members[~passes[members]]):
            for index, kept in _find_repeats(samples, alike, host, same).items():
                statuses[index] = SampleStatus.DUPLICATE.value
                _add_counts(samples, changed, index, kept)
    return samples.with_scalars(status=statuses, **changed)


def _find_repeats(
    samples: StructureBatch, members: NDArray[np.intp], host: StructureBatch, same: float
) -> dict[int, int]:
    """Return which lower member each member repeats in energy, cell and arrangement."""
    energies = samples.scalars["energy"] / samples.site_counts
    found: dict[int, int] = {}
    for place, index in enumerate(members.tolist()):
        lower = members[:place]
        for other in lower[np.abs(energies[lower] - energies[index]) < SAME_ENERGY].tolist():
            if other in found or not is_same_cell(
                samples.cells[other], samples.cells[index], SAME_STRAIN
            ):
                continue
            one = samples[index]
            left, right = (_place_in_host(host, each) for each in (samples[other], one))
            numbers = one.numbers[one.inserted]
            distances = find_closest_distances(find_host_symmetry(host), numbers, left, right)
            if distances.max(initial=0.0) < same:
                found[index] = other
                break
    return found


def _place_in_host(host: StructureBatch, one: StructureBatch) -> FloatArray:
    """Return the fractional coordinates of inserted sites, without the drift of the host."""
    moved = one.frac_coords[~one.inserted] - host.frac_coords[~host.inserted]
    drift = (moved - np.round(moved)).mean(0) if len(moved) else np.zeros(3)
    return np.asarray(one.frac_coords[one.inserted] - drift)


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
