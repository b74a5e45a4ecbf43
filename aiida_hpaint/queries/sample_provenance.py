"""What made a sample: its host, the generator, the potential and their jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.orm import CalcFunctionNode, Data, QueryBuilder, StructureData, load_node

from aiida_hpaint.data.structure_batch import LABEL_LIMIT, StructureBatchData
from aiida_hpaint.queries.ancestors import find_ancestor_jobs
from aiida_hpaint.queries.links import find_creator, find_inputs, find_returning_workflows
from aiida_hpaint.queries.provenance_record import (
    HostRecord,
    JobRecord,
    ModelRecord,
    ProvenanceRecord,
)
from aiida_hpaint.queries.samples import Ranking, read_sample

__all__ = ["add_sample_provenance"]


def add_sample_provenance(
    record: ProvenanceRecord, details: Mapping[str, Any], samples: int
) -> ProvenanceRecord:
    """A record with all that is known of the sample that its structure is.

    Parameters
    ----------
    record
        So far.
    details
        Attribute `hpaint` of the structure: `host` and `row` say which sample it is.
    samples
        PK of the samples. If no restoration ranked them, they were given complete.
    """
    ranking = find_creator(samples)
    if ranking is None or ranking.function != "rank_samples":
        return replace(record, jobs=tuple(find_ancestor_jobs([samples])))
    inputs = find_inputs(ranking.pk)
    host_index, row = int(details["host"]), int(details["row"])
    hosts = inputs.pop("hosts")[0]
    chunk = _chunk_of(host_index, str(details["label"]), [pk for pk, _ in inputs.values()])
    jobs = _jobs(chunk.pk or 0, host_index)
    workflow = next(iter(find_returning_workflows([samples]).get(samples, ())), None)
    node = _batch(samples)
    return replace(
        record,
        host=_origin(hosts, host_index),
        sample=read_sample(Ranking(node, workflow), node.batch, row),
        settings={job.stage: job.settings for job in jobs if job.identity},
        jobs=tuple(jobs),
        **_made_with(chunk, jobs),
    )


def _chunk_of(host_index: int, label: str, chunks: Sequence[int]) -> StructureBatchData:
    """The chunk with a host; of those whose labels have it, one says that it is there."""
    known = {"or": [{"attributes.labels": {"contains": [label]}}, _CUT_OFF]}
    query = QueryBuilder()
    query.append(StructureBatchData, filters={"id": {"in": list(chunks)}, **known})
    for chunk in query.all(flat=True):
        if np.any(chunk.batch.scalars["host"] == host_index):
            found: StructureBatchData = chunk
            return found
    raise ValueError(f"no chunk of the restoration has host {host_index} ({label})")


_CUT_OFF = {"attributes.labels": {"of_length": LABEL_LIMIT}}


def _jobs(chunk: int, host_index: int) -> list[JobRecord]:
    """Jobs behind a chunk, without those of the potentials of other hosts."""
    jobs = find_ancestor_jobs([chunk])
    starting_points = _starting_points_behind(chunk)
    own = starting_points.pop(f"host_{host_index:05d}", None)
    if own is None or not starting_points:
        return jobs
    ours = {job.pk for job in find_ancestor_jobs([own])}
    theirs = {job.pk for job in find_ancestor_jobs(list(starting_points.values()))} - ours
    return [job for job in jobs if job.pk not in theirs]


def _starting_points_behind(chunk: int) -> dict[str, int]:
    """Return the PK of the starting points of each host, if the restoration had any."""
    query = QueryBuilder()
    query.append(Data, filters={"id": chunk}, tag="chunk")
    collect = {"attributes.function_name": "collect_starting_points"}
    query.append(CalcFunctionNode, filters=collect, with_descendants="chunk", tag="collect")
    query.append(StructureBatchData, with_outgoing="collect", project="id", edge_project="label")
    return {label: pk for pk, label in query.all()}


def _origin(hosts: int, host_index: int) -> HostRecord:
    node = _batch(hosts)
    batch = node.batch
    return HostRecord(
        label=batch.labels[host_index],
        host_index=host_index,
        pk=hosts,
        uuid=node.uuid,
        source={key: value for key, value in batch.metadata[host_index].items() if value},
        structure=_structure(hosts, host_index) or _noted(batch.metadata[host_index].get("uuid")),
    )


def _noted(uuid: str | None) -> int | None:
    """The StructureData of a UUID that the metadata of a host of a campaign hold."""
    if uuid is None:
        return None
    query = QueryBuilder().append(StructureData, filters={"uuid": uuid}, project="id")
    found: int | None = query.first(flat=True)
    return found


def _batch(pk: int) -> StructureBatchData:
    node: Any = load_node(pk)
    found: StructureBatchData = node
    return found


def _structure(hosts: int, host_index: int) -> int | None:
    """The StructureData that a host was, if `collect_hosts` made a batch of it."""
    query = QueryBuilder()
    query.append(Data, filters={"id": hosts}, tag="hosts")
    collect = {"attributes.function_name": "collect_hosts"}
    query.append(CalcFunctionNode, filters=collect, with_outgoing="hosts", tag="collect")
    query.append(
        StructureData,
        with_outgoing="collect",
        edge_filters={"label": f"structure_{host_index:05d}"},
        project="id",
    )
    found: int | None = query.first(flat=True)
    return found


def _made_with(chunk: StructureBatchData, jobs: Sequence[JobRecord]) -> dict[str, Any]:
    """Version, seed, generator and potential: of the history, or else as the jobs were told."""
    drawn: dict[str, Any] = {}
    relaxed: dict[str, Any] = {}
    version: str | None = None
    for record in [*(_as_record(job) for job in jobs if job.identity), *chunk.batch.history]:
        stage = str(record.get("stage"))
        version = record.get("version") or version
        if stage == "sample":
            drawn = {**drawn, **_without_none(record)}
        elif stage.startswith(("relax", "score")) and record.get("model"):
            relaxed = {**relaxed, **record["model"]}
    seed = drawn.get("seed")
    return {
        "version": version,
        "seed": None if seed is None else int(seed),
        "model": _model(drawn.get("model", {})),
        "potential": _model(relaxed),
    }


def _as_record(job: JobRecord) -> dict[str, Any]:
    return {"stage": job.stage, **job.identity}


def _without_none(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}


def _model(card: Mapping[str, Any]) -> ModelRecord | None:
    if not card.get("name"):
        return None
    package = " ".join(str(card[key]) for key in ("package", "package_version") if card.get(key))
    return ModelRecord(str(card["name"]), card.get("sha256"), package or None)
