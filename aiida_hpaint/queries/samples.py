"""Samples of hosts and their status."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from aiida.orm import CalcFunctionNode, QueryBuilder

from aiida_hpaint.data.structure_batch import LABEL_LIMIT, StructureBatchData
from aiida_hpaint.queries.links import find_returning_workflows
from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED

__all__ = ["Ranking", "Sample", "filter_by_label", "find_rankings", "find_samples", "read_sample"]


@dataclass(frozen=True)
class Sample:
    """One sample of a host.

    Attributes
    ----------
    host
        Label of the host.
    host_index
        Index of the host in the restoration.
    number
        Index of the sample among those of its host.
    row, samples
        Row in the ranked samples, and PK of their StructureBatchData.
    status
        Value of its `SampleStatus`.
    rank
        0 for the lowest in energy of the host, those that pass the checks first; None if it was
        not ranked.
    energy, energy_above_best, max_force
        Energies in eV and eV per atom, force in eV/Å; None if unknown.
    confidence, reasons
        Probability that it is the ground state of its potential, and why one thinks so, a phrase
        each; None and empty but for rank 0.
    origin
        Value of `structures.origin`: drawn, symmetrised, wyckoff or peaks.
    error
        Error if it failed; otherwise empty.
    failed, notices
        What the checks of a candidate found, one sentence each.
    process
        PK of the restoration; None if it ended before it returned its samples.
    """

    host: str
    host_index: int
    number: int
    row: int
    samples: int
    status: str
    rank: int | None
    energy: float | None
    energy_above_best: float | None
    max_force: float | None
    confidence: float | None
    reasons: tuple[str, ...]
    origin: str
    error: str
    failed: tuple[str, ...]
    notices: tuple[str, ...]
    process: int | None


@dataclass(frozen=True)
class Ranking:
    """The ranked samples of a restoration, and the PK of its process."""

    samples: StructureBatchData
    process: int | None


def find_samples(host: str, process: int | None = None) -> list[Sample]:
    """Return all samples of a host, restoration by restoration, the latest last.

    Parameters
    ----------
    host
        Label of the host.
    process
        PK of a restoration or a benchmark; by default all that had a host of that label.

    Raises
    ------
    ValueError
        If no restoration has samples of such a host.
    """
    found = [
        read_sample(ranking, ranking.samples.batch, row)
        for ranking in find_rankings(process, host)
        for row in np.flatnonzero(np.array(ranking.samples.batch.labels) == host).tolist()
    ]
    if found:
        return found
    what = "no restoration has" if process is None else f"process {process} has no"
    raise ValueError(f"{what} samples of a host {host!r}: see `aiida-hpaint status`")


def find_rankings(process: int | None = None, host: str | None = None) -> list[Ranking]:
    """Return the ranked samples of restorations, the oldest first, by one query.

    Parameters
    ----------
    process
        PK of the workflow that returned them.
    host
        Label of a host; nodes with more labels than are in the database are returned, too.
    """
    query = QueryBuilder()
    query.append(
        CalcFunctionNode, filters={"attributes.function_name": "rank_samples"}, tag="ranking"
    )
    query.append(
        StructureBatchData,
        with_incoming="ranking",
        edge_filters={"label": "samples"},
        filters={} if host is None else filter_by_label(host),
        project="*",
        tag="samples",
    )
    query.order_by({"samples": "ctime"})
    nodes: list[StructureBatchData] = query.all(flat=True)
    returned = find_returning_workflows([node.pk or 0 for node in nodes])
    if process is not None:
        nodes = [node for node in nodes if process in returned.get(node.pk or 0, ())]
    return [Ranking(node, next(iter(returned.get(node.pk or 0, ())), None)) for node in nodes]


def read_sample(ranking: Ranking, batch: StructureBatch, row: int) -> Sample:
    """Return one row of ranked samples."""
    scalars = {name: values[row].item() for name, values in batch.scalars.items()}
    return Sample(
        host=batch.labels[row],
        host_index=scalars["host"],
        number=scalars["sample"],
        row=row,
        samples=ranking.samples.pk or 0,
        status=str(scalars["status"]),
        rank=scalars["rank"] if scalars["rank"] >= 0 else None,
        energy=_finite_or_none(scalars.get("energy")),
        energy_above_best=_finite_or_none(scalars.get("energy_above_best")),
        max_force=_finite_or_none(scalars.get("max_force")),
        confidence=_finite_or_none(scalars.get("confidence")),
        reasons=tuple((batch.metadata[row].get("confidence") or {}).get("reasons", ())),
        origin=str(scalars.get("origin", GENERATED)),
        failed=tuple(get_findings(batch[row])),
        notices=tuple(get_findings(batch[row], "notices")),
        error=str(batch.metadata[row].get("error", "")),
        process=ranking.process,
    )


def filter_by_label(label: str) -> dict[str, object]:
    """Return the filter of batches that have a label, or may have it: long lists are cut off."""
    labels = ({"contains": [label]}, {"of_length": LABEL_LIMIT})
    return {"or": [{"attributes.labels": condition} for condition in labels]}


def _finite_or_none(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
