"""Calcfunctions that rank the samples of all chunks and pick structures."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, List, SinglefileData, StructureData

from aiida_hpaint.calculations.outcomes import FAILED, find_outcomes
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.science.confidence import SURE
from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.evaluation.sample_table import TABLE_FILENAME, format_table
from aiida_hpaint.science.stages import FinishInputs, finish_restoration
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.joining import NOT_RELAXED, fill_missing_scalars

__all__ = ["join_chunks", "pick_structures", "rank_samples"]


@calcfunction
def rank_samples(
    hosts: StructureBatchData, finish: Dict | None = None, **chunks: StructureBatchData
) -> dict[str, Any]:
    """Join the samples of all chunks, check their candidates, and rank them within each host.

    Parameters
    ----------
    hosts
        All hosts, which the candidates are compared with.
    finish
        `FinishInputs`: how candidates are checked, and made symmetric; None for the defaults.
    chunks
        Samples of each chunk.

    Returns
    -------
    mapping
        `samples` (StructureBatchData), `table` (a CSV file, one line per sample) and `summary`
        (Dict: numbers of hosts, also of those whose answer is at least 95 % sure and of those whose
        jobs failed, with the reasons; of samples, statuses, hosts without a candidate, and what the
        lowest candidates of hosts fail where none passes).
    """
    inputs = FinishInputs() if finish is None else FinishInputs.model_validate(finish.get_dict())
    batches = [chunks[key].batch for key in sorted(chunks)]
    ranked = join_chunks(batches, hosts.batch, inputs)
    table = io.BytesIO(format_table(ranked).encode())
    return {
        "samples": label_node(StructureBatchData(ranked), "samples, ranked"),
        "table": SinglefileData(table, filename=TABLE_FILENAME),
        "summary": label_node(Dict(_summary(hosts.batch, ranked)), "summary of a restoration"),
    }


@calcfunction
def pick_structures(
    samples: StructureBatchData, hosts: List | None = None
) -> dict[str, StructureData]:
    """Return the lowest sample of each host that passes the checks, as `host_00000` and so on.

    Each structure has the label of its host. Its attribute `hpaint` holds the whole label, the
    indices of the inserted sites, the scalars of the sample and its row in `samples`.

    Parameters
    ----------
    hosts
        Host indices; None for all hosts.
    """
    batch = samples.batch
    picked = {}
    lowest = find_answers(batch)
    if hosts is not None:
        lowest &= np.isin(batch.scalars["host"], hosts.get_list())
    for row in np.flatnonzero(lowest).tolist():
        structure = to_structure(batch[row])
        details = structure.base.attributes.get("hpaint") | {"row": row}
        structure.base.attributes.set("hpaint", details)
        picked[f"host_{details['host']:05d}"] = structure
    return picked


def join_chunks(
    chunks: Sequence[StructureBatch], hosts: StructureBatch, inputs: FinishInputs | None = None
) -> StructureBatch:
    """Join the samples of all chunks, check and rank them; failed chunks may lack energies."""
    samples = concatenate(fill_missing_scalars(chunks, NOT_RELAXED))
    return finish_restoration(samples, hosts, inputs)


def _summary(hosts: StructureBatch, samples: StructureBatch) -> dict[str, Any]:
    lowest, answers = samples.scalars["rank"] == 0, find_answers(samples)
    restored = set(samples.scalars["host"][answers].tolist())
    candidates = set(samples.scalars["host"][lowest].tolist())
    outcomes = find_outcomes(len(hosts), samples)
    return {
        "n_hosts": len(hosts),
        "n_restored": len(restored),
        "n_failed": outcomes.states.count(FAILED),
        "failures": dict(Counter(outcomes.reasons.values())),
        "n_sure": int(np.count_nonzero(samples.scalars["confidence"][answers] >= SURE)),
        "n_samples": len(samples),
        "statuses": dict(Counter(map(str, samples.scalars["status"]))),
        "without_candidate": [
            label for host, label in enumerate(hosts.labels) if host not in candidates
        ],
        "failing": {
            samples.labels[row]: list(samples.metadata[row]["checks"]["failed"])
            for row in np.flatnonzero(lowest & ~answers).tolist()
        },
    }
