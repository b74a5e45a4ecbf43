"""The calcfunctions between the jobs: cut hosts into chunks, give up, rank, pick structures."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, Float, Int, List, SinglefileData, Str, StructureData

from aiida_hpaint.calculations.table import TABLE_FILENAME, table_csv
from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.science.stages import finish_restoration
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.chunks import chunk_by_sites
from aiida_hpaint.science.structures.sample_origin import GENERATED
from aiida_hpaint.science.structures.status import ACTIVE, RELAXED, SampleStatus

__all__ = ["alike", "give_up", "join_chunks", "pick_structures", "rank_samples", "split_hosts"]

_NOT_RELAXED: Mapping[str, float | int] = {
    "energy": np.nan,
    "energy_sampled": np.nan,
    "max_force": np.nan,
    "steps": 0,
}
_ELSEWHERE: Mapping[str, float | int | str] = {
    "energy_scored": np.nan,
    "origin": GENERATED,
    "parent": -1,
    "draws": 0,
}
"""What samples lack whose job died, where other chunks have it."""
_UNKNOWN: Mapping[str, float | int] = {"f": np.nan, "i": -1, "b": False}
"""The same of any other scalar, by the kind of its type."""


@calcfunction
def split_hosts(hosts: StructureBatchData, max_sites: Int) -> dict[str, StructureBatchData]:
    """Chunks of whole hosts with at most `max_sites` sites each: `chunk_0000` and so on.

    Each host gets the scalar `host`, its place among all hosts.
    """
    numbered = hosts.batch.with_scalars(host=np.arange(len(hosts)))
    chunks = chunk_by_sites(numbered, max_sites.value)
    return {f"chunk_{i:04d}": StructureBatchData(numbered[rows]) for i, rows in enumerate(chunks)}


@calcfunction
def give_up(structures: StructureBatchData, samples: Int, reason: Str) -> StructureBatchData:
    """What is left of a chunk whose job ended without a result.

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
    record = {"stage": "give_up", "reason": reason.value}
    marked = replace(
        batch.with_scalars(status=[str(status) for status in statuses]), metadata=metadata
    )
    return StructureBatchData(marked.with_history(record))


@calcfunction
def rank_samples(
    hosts: StructureBatchData, refine: Float | None = None, **chunks: StructureBatchData
) -> dict[str, Any]:
    """All samples of all chunks in one node, ranked within each host.

    With `refine` (Å) ranked structures within that of a higher symmetry are made symmetric.

    Returns
    -------
    mapping
        `samples` (StructureBatchData), `table` (a CSV file, one line a sample) and `summary`
        (Dict: how many hosts and samples, their statuses, hosts without a candidate).
    """
    tolerance = None if refine is None else refine.value
    ranked = join_chunks([chunks[key].batch for key in sorted(chunks)], tolerance)
    table = io.BytesIO(table_csv(ranked).encode())
    return {
        "samples": StructureBatchData(ranked),
        "table": SinglefileData(table, filename=TABLE_FILENAME),
        "summary": Dict(_summary(hosts.batch, ranked)),
    }


@calcfunction
def pick_structures(
    samples: StructureBatchData, hosts: List | None = None
) -> dict[str, StructureData]:
    """The lowest sample of each host that has one: `host_00000` and so on.

    The label of a structure is its host's. Its attribute `hpaint` holds the label in full, which
    sites are inserted, the sample's scalars, and the row of the samples that it is. With `hosts`
    only those at these places are picked.
    """
    batch = samples.batch
    picked = {}
    lowest = batch.scalars["rank"] == 0
    if hosts is not None:
        lowest &= np.isin(batch.scalars["host"], hosts.get_list())
    for row in np.flatnonzero(lowest).tolist():
        structure = to_structure(batch[row])
        details = structure.base.attributes.get("hpaint") | {"row": row}
        structure.base.attributes.set("hpaint", details)
        picked[f"host_{details['host']:05d}"] = structure
    return picked


def join_chunks(chunks: Sequence[StructureBatch], refine: float | None = None) -> StructureBatch:
    """The samples of all chunks as one batch, ranked; chunks that failed may lack energies."""
    complete = [_complete(chunk, _NOT_RELAXED) for chunk in chunks]
    return finish_restoration(concatenate(alike(complete)), refine)


def alike(batches: Sequence[StructureBatch]) -> list[StructureBatch]:
    """The batches with the scalars of each other; those of failed jobs lack some."""
    kinds = {n: values.dtype.kind for batch in batches for n, values in batch.scalars.items()}
    known = {**_NOT_RELAXED, **_ELSEWHERE}
    lacking = {name: known.get(name, _UNKNOWN.get(kind, "")) for name, kind in kinds.items()}
    return [_complete(batch, lacking) for batch in batches]


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


def _complete(batch: StructureBatch, values: Mapping[str, float | int | str]) -> StructureBatch:
    """A chunk that failed early lacks the scalars that later stages add."""
    lacking = [name for name in values if name not in batch.scalars]
    return batch.with_scalars(**{name: np.full(len(batch), values[name]) for name in lacking})


def _summary(hosts: StructureBatch, samples: StructureBatch) -> dict[str, Any]:
    restored = set(samples.scalars["host"][samples.scalars["rank"] == 0].tolist())
    return {
        "n_hosts": len(hosts),
        "n_restored": len(restored),
        "n_samples": len(samples),
        "statuses": dict(Counter(map(str, samples.scalars["status"]))),
        "without_candidate": [
            label for host, label in enumerate(hosts.labels) if host not in restored
        ],
    }
