"""Candidates relaxed on with a second potential: whose energies rank them, and what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus
from aiida_hpaint.science.types import BoolArray


def settle_reranking(before: StructureBatch, after: StructureBatch) -> StructureBatch:
    """Let the energies of one potential alone rank the samples of each host.

    Where the second potential has relaxed a candidate, or has yet to finish one, only energies by
    this potential stay: `energy` of the others becomes NaN, and `energy_searched` keeps theirs.
    Where it has failed for all candidates, these are as they were, and a note says so.

    Parameters
    ----------
    before, after
        Samples before and after the relaxation with the second potential, whose record ends the
        history of `after`.

    Returns
    -------
    The samples with the scalar `ranked_by`: name of the potential of `energy`.
    """
    ranking = str(after.history[-1]["model"]["name"])
    searched = _name_earlier_potential(after)
    hosts = after.scalars["host"]
    done, waiting = _has_status(after, *RELAXED), _has_status(after, SampleStatus.UNFINISHED)
    taken = np.isin(hosts, hosts[done | waiting])
    was_relaxed = _has_status(before, *RELAXED)
    settled = _put_back(before, after, was_relaxed & ~taken)
    energies = np.where(taken & ~(done | waiting), np.nan, settled.scalars["energy"])
    note = f"The potential {ranking} gave no energy of any candidate: {searched} ranks them."
    metadata = tuple(
        {**entry, "notes": [*entry.get("notes", ()), note]} if fails else entry
        for fails, entry in zip(was_relaxed & ~taken, settled.metadata, strict=True)
    )
    ranked_by = np.where(taken, ranking, searched)
    return replace(settled, metadata=metadata).with_scalars(energy=energies, ranked_by=ranked_by)


def _name_earlier_potential(samples: StructureBatch) -> str:
    """Return the name of the potential of the last relaxation before this stage; '' without one."""
    stage = samples.history[-1]["stage"]
    names = [
        record["model"].get("name", "")
        for record in samples.history
        if record["stage"] != stage and record.get("model") and "evaluations" in record
    ]
    return str(names[-1]) if names else ""


def _has_status(samples: StructureBatch, *statuses: SampleStatus) -> BoolArray:
    return np.isin(samples.scalars["status"], [status.value for status in statuses])


def _put_back(before: StructureBatch, after: StructureBatch, rows: BoolArray) -> StructureBatch:
    """Return `after` with positions, cells, energies and statuses of some rows as `before`."""
    coords = np.where(rows[after.owners, None], before.frac_coords, after.frac_coords)
    cells = np.where(rows[:, None, None], before.cells, after.cells)
    scalars = {
        name: np.where(rows, before.scalars[name], after.scalars[name])
        for name in ("energy", "max_force", "max_stress", "status")
        if name in after.scalars
    }
    return replace(after, frac_coords=coords, cells=cells).with_scalars(**scalars)
