"""Samples of jobs that failed: their status, and the scalars that they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Int, Str

from aiida_hpaint.calculations.outcomes import MARKED
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED
from aiida_hpaint.science.structures.status import ACTIVE, RELAXED, SampleStatus

__all__ = ["NOT_RELAXED", "fill_missing_scalars", "mark_as_failed"]

NOT_RELAXED: Mapping[str, float | int] = {
    "energy": np.nan,
    "energy_sampled": np.nan,
    "max_force": np.nan,
    "steps": 0,
}
"""Scalars that relaxations add, and their values for samples that were not relaxed."""

_FROM_OTHER_STAGES: Mapping[str, float | int | str] = {
    "energy_scored": np.nan,
    "origin": GENERATED,
    "parent": -1,
    "draws": 0,
    "same_as": -1,
    "round": 0,
    "found": 0,
}
"""Scalars that other stages add, and their values for samples of failed jobs."""

_UNKNOWN: Mapping[str, float | int] = {"f": np.nan, "i": -1, "b": False}
"""Values of any other scalar, by the kind of its numpy type."""


@calcfunction
def mark_as_failed(structures: StructureBatchData, samples: Int, reason: Str) -> StructureBatchData:
    """Return the samples of a chunk whose job ended without a result.

    Parameters
    ----------
    structures
        Inputs of the job: hosts, or samples of an earlier stage. Samples that an earlier stage
        relaxed become not converged; other active ones become failed.
    samples
        Number of samples that the job had to make of each host; 0 if `structures` are samples.
    reason
        Error of each sample concerned.
    """
    batch = structures.batch
    if samples.value:
        rows = np.repeat(np.arange(len(batch)), samples.value)
        batch = batch[rows].with_scalars(
            host=batch.host_indices[rows],
            sample=np.tile(np.arange(samples.value), len(batch)),
            status=[SampleStatus.SAMPLED.value] * len(rows),
        )
    before = [SampleStatus(str(status)) for status in batch.scalars["status"]]
    is_lost = [status in ACTIVE for status in before]
    metadata = tuple(
        {**entry, "error": reason.value} if lost else entry
        for entry, lost in zip(batch.metadata, is_lost, strict=True)
    )
    record = {"stage": MARKED, "reason": reason.value}
    after = [str(_after_failure(status)) for status in before]
    marked = replace(batch.with_scalars(status=after), metadata=metadata)
    return StructureBatchData(marked.with_history(record))


def fill_missing_scalars(
    batches: Sequence[StructureBatch], required: Mapping[str, float | int] | None = None
) -> list[StructureBatch]:
    """Give each batch the scalars of all others; samples of failed jobs lack some.

    Parameters
    ----------
    required
        Scalars that each batch gets even if none has them, and their values.
    """
    kinds = {n: values.dtype.kind for batch in batches for n, values in batch.scalars.items()}
    known = {**NOT_RELAXED, **_FROM_OTHER_STAGES}
    values = {name: known.get(name, _UNKNOWN.get(kind, "")) for name, kind in kinds.items()}
    values |= {name: value for name, value in (required or {}).items() if name not in kinds}
    return [
        batch.with_scalars(
            **{
                name: np.full(len(batch), value)
                for name, value in values.items()
                if name not in batch.scalars
            }
        )
        for batch in batches
    ]


def _after_failure(status: SampleStatus) -> SampleStatus:
    if status in RELAXED:
        return SampleStatus.NOT_CONVERGED
    return SampleStatus.FAILED if status in ACTIVE else status
