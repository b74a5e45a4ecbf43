"""Calcfunctions of a benchmark: remove an element, prepare references, compare."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, SinglefileData, Str

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures import remove_sites
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.fixed_host import record_fixed_host
from aiida_hpaint.science.structures.primitive import expand_samples
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = ["compare_restored", "join_batches", "prepare_references", "remove_element"]


@calcfunction
def remove_element(references: StructureBatchData, element: Str) -> dict[str, StructureBatchData]:
    """Remove the positions of an element from complete structures.

    Returns
    -------
    mapping
        `hosts`, whose sites of that element are to be inserted, and `complete`: the same sites in
        the same order with all positions.
    """
    hosts, complete = remove_sites(references.batch, element.value)
    return {"hosts": StructureBatchData(hosts), "complete": StructureBatchData(complete)}


@calcfunction
def prepare_references(complete: StructureBatchData) -> StructureBatchData:
    """Make samples of complete structures, each its own host, that can be relaxed."""
    count = len(complete)
    return StructureBatchData(
        complete.batch.with_scalars(
            host=np.arange(count),
            sample=np.zeros(count, int),
            status=[SampleStatus.SAMPLED.value] * count,
        )
    )


@calcfunction
def join_batches(**chunks: StructureBatchData) -> StructureBatchData:
    """Join all chunks in one node; scalars that some of them lack are left out."""
    batches = [chunks[key].batch for key in sorted(chunks)]
    shared = set.intersection(*(set(batch.scalars) for batch in batches))
    fitting = [
        replace(batch, scalars={name: batch.scalars[name] for name in sorted(shared)})
        for batch in batches
    ]
    return StructureBatchData(concatenate(fitting))


@calcfunction
def compare_restored(
    complete: StructureBatchData,
    start: StructureBatchData,
    samples: StructureBatchData,
    targets: StructureBatchData,
    settings: Dict,
    in_host: StructureBatchData | None = None,
) -> dict[str, Any]:
    """Compare the samples of each host with its reference.

    Parameters
    ----------
    complete
        The references.
    start, samples
        All samples before any relaxation, and at the end.
    targets
        Relaxed references.
    settings
        Contents of `settings.json` of a benchmark, and `indices` of the references.
    in_host
        References with their inserted sites relaxed in the fixed host; None without that stage.

    Returns
    -------
    mapping
        `rows` (rows.jsonl, a `HostRow` a line), `summary` (Dict) and `table` (samples.csv).
    """
    from aiida_hpaint.science.benchmark.collect import collect_rows
    from aiida_hpaint.science.benchmark.statistics import summarise
    from aiida_hpaint.science.benchmark.statistics.rows import ROWS, SAMPLES, format_samples_csv

    asked = settings.get_dict()
    ranking = asked["settings"].get("rerank") or asked["settings"]["potential"]
    begun = expand_samples(start.batch, complete.batch)
    relaxed = targets.batch
    if in_host is not None:
        relaxed = replace(relaxed, metadata=record_fixed_host(in_host.batch).metadata)
    rows = collect_rows(complete.batch, begun, samples.batch, relaxed, asked["indices"])
    lines = "".join(row.model_dump_json() + "\n" for row in rows)
    return {
        "rows": SinglefileData(io.BytesIO(lines.encode()), filename=ROWS),
        "summary": Dict(summarise(rows, ranking["name"])),
        "table": SinglefileData(io.BytesIO(format_samples_csv(rows).encode()), filename=SAMPLES),
    }
