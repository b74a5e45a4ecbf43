"""Calcfunction that stands in for a failed job, and the scalars that its samples lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Int, Str

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


_FROM_OTHER_STAGES: Mapping[str, float | int | str] = {
    "energy_scored": np.nan,
    "origin": GENERATED,
    "parent": -1,
    "draws": 0,
}
"""What samples lack whose job died, where other chunks have it."""


_UNKNOWN: Mapping[str, float | int] = {"f": np.nan, "i": -1, "b": False}
"""The same of any other scalar, by the kind of its type."""


@calcfunction
def mark_as_failed(structures: StructureBatchData, samples: Int, reason: Str) -> StructureBatchData:
    """Return what is left of a chunk whose job ended without a result.

    With `samples` above zero, `structures` are hosts, and each becomes that many failed samples
    without positions. With zero they are samples: those that an earlier stage relaxed are not
    converged, and the others that were alive have failed.
    """
    batch = structures.batch
    if samples.value:
        batch = _unsampled(batch, samples.value)
    statuses = [_after_failure(SampleStatus(str(status))) for status in batch.scalars["status"]]
    lost = [status in ACTIVE for status in map(SampleStatus, map(str, batch.scalars["status"]))]
    metadata = tuple(
        {**entry, "error": reason.value} if hit else entry
        for entry, hit in zip(batch.metadata, lost, strict=True)
    )
    record = {"stage": "mark_as_failed", "reason": reason.value}
    marked = replace(
        batch.with_scalars(status=[str(status) for status in statuses]), metadata=metadata
    )
    return StructureBatchData(marked.with_history(record))


def fill_missing_scalars(
    batches: Sequence[StructureBatch], required: Mapping[str, float | int] | None = None
) -> list[StructureBatch]:
    """Give all batches the scalars of each other; the samples of failed jobs lack some.

    Parameters
    ----------
    required
        Scalars that all batches get even if none of them has it, and their values.
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


def _unsampled(hosts: StructureBatch, samples: int) -> StructureBatch:
    rows = np.repeat(np.arange(len(hosts)), samples)
    return hosts[rows].with_scalars(
        host=hosts.host_indices[rows],
        sample=np.tile(np.arange(samples), len(hosts)),
        status=[SampleStatus.SAMPLED.value] * len(rows),
    )
