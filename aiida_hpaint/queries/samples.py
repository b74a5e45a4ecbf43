"""Samples of hosts and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from aiida.orm import CalcFunctionNode, QueryBuilder

from aiida_hpaint.data.structure_batch import LABEL_LIMIT, StructureBatchData
from aiida_hpaint.queries.links import find_returning_workflows
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED

__all__ = ["Ranking", "Sample", "find_rankings", "find_samples", "read_sample"]


@dataclass(frozen=True)
class Sample:
    """One sample of a host.

    Attributes
    ----------
    host
        Label of the host.
    host_index
        Of the host among all hosts of the restoration.
    number
        Of the sample among those of its host.
    row, samples
        Where it is: row of the StructureBatchData with this PK.
    status
        Value of its `SampleStatus`.
    rank
        0 for the lowest of the host; None where it was not ranked.
    energy, energy_above_best, max_force
        eV, eV per atom and eV/Å; None where not known.
    origin
        Value of `structures.origin`: drawn, symmetrised, wyckoff or peaks.
    error
        Why it failed; empty where it did not.
    process
        PK of the restoration, None where it did not come to return its samples.
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
    origin: str
    error: str
    process: int | None


@dataclass(frozen=True)
class Ranking:
    """The ranked samples of a restoration, and its process."""

    samples: StructureBatchData
    process: int | None


def find_samples(host: str, process: int | None = None) -> list[Sample]:
    """All samples of a host with their statuses, restoration by restoration, the latest last.

    Parameters
    ----------
    host
        Label of the host.
    process
        PK of a restoration or a benchmark; without it, all that knew a host of that label.

    Raises
    ------
    ValueError
        If no restoration has samples of such a host.
    """
    found = [
        read_sample(ranking, ranking.samples.batch, row)
        for ranking in find_rankings(process, host)
        for row in _rows(ranking.samples.batch, host)
    ]
    if found:
        return found
    what = "no restoration has" if process is None else f"process {process} has no"
    raise ValueError(f"{what} samples of a host {host!r}: see `aiida-hpaint status`")


def find_rankings(process: int | None = None, host: str | None = None) -> list[Ranking]:
    """The ranked samples in this profile, the oldest first: one query.

    Parameters
    ----------
    process
        PK of the workflow that returned them.
    host
        Label of a host that is among them, or may be: nodes of more than 1000 labels do not put
        all of them into the database.
    """
    query = QueryBuilder()
    query.append(
        CalcFunctionNode, filters={"attributes.function_name": "rank_samples"}, tag="ranking"
    )
    known = {} if host is None else {"or": [_has_label(host), _is_cut_off()]}
    query.append(
        StructureBatchData,
        with_incoming="ranking",
        edge_filters={"label": "samples"},
        filters=known,
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
    """One row of ranked samples."""
    scalars = {name: values[row].item() for name, values in batch.scalars.items()}
    return Sample(
        host=batch.labels[row],
        host_index=scalars["host"],
        number=scalars["sample"],
        row=row,
        samples=ranking.samples.pk or 0,
        status=str(scalars["status"]),
        rank=scalars["rank"] if scalars["rank"] >= 0 else None,
        energy=_known(scalars.get("energy")),
        energy_above_best=_known(scalars.get("energy_above_best")),
        max_force=_known(scalars.get("max_force")),
        origin=str(scalars.get("origin", GENERATED)),
        error=str(batch.metadata[row].get("error", "")),
        process=ranking.process,
    )


def _has_label(host: str) -> dict[str, object]:
    return {"attributes.labels": {"contains": [host]}}


def _is_cut_off() -> dict[str, object]:
    return {"attributes.labels": {"of_length": LABEL_LIMIT}}


def _rows(batch: StructureBatch, host: str) -> Iterator[int]:
    yield from np.flatnonzero(np.array(batch.labels) == host).tolist()


def _known(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
