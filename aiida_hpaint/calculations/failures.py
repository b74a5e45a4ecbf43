"""Samples of jobs that failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Int, Str

from aiida_hpaint.calculations.outcomes import MARKED
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.status import ACTIVE, RELAXED, SampleStatus

__all__ = ["mark_as_failed"]


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


def _after_failure(status: SampleStatus) -> SampleStatus:
    if status in RELAXED:
        return SampleStatus.NOT_CONVERGED
    return SampleStatus.FAILED if status in ACTIVE else status
