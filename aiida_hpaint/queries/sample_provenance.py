"""Provenance of a sample: its host, the generator, the potential and their jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.common.utils import validate_uuid
from aiida.orm import CalcFunctionNode, Data, QueryBuilder, StructureData, load_node

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.queries.ancestors import find_ancestor_jobs
from aiida_hpaint.queries.links import find_creator, find_inputs, find_returning_workflows
from aiida_hpaint.queries.provenance_record import (
    HostRecord,
    JobRecord,
    ModelRecord,
    ProvenanceRecord,
)
from aiida_hpaint.queries.samples import Ranking, filter_by_label, read_sample
from aiida_hpaint.science.structures.primitive import get_search

__all__ = ["add_sample_provenance"]


def add_sample_provenance(
    record: ProvenanceRecord, details: Mapping[str, Any], samples: int
) -> ProvenanceRecord:
    """Return a record with the provenance of the sample that is its structure.

    Parameters
    ----------
    record
        Record of the structure.
    details
        Attribute `hpaint` of the structure: `host` and `row` identify the sample.
    samples
        PK of the samples. If no restoration ranked them, they were given complete.
    """
    ranking = find_creator(samples)
    if ranking is None or ranking.function != "rank_samples":
        return replace(record, jobs=tuple(find_ancestor_jobs([samples])))
    inputs = find_inputs(ranking.pk)
    host_index, row = int(details["host"]), int(details["row"])
    hosts = inputs.pop("hosts")[0]
    node = _load_batch(samples)
    search = get_search(node.batch.metadata[row])
    chunks = [pk for pk, _ in inputs.values()]
    chunk = _find_chunk(host_index, str(details["label"]), chunks, search)
    jobs = _find_jobs(chunk.pk or 0, host_index)
    workflow = next(iter(find_returning_workflows([samples]).get(samples, ())), None)
    return replace(
        record,
        host=_read_host(hosts, host_index),
        sample=read_sample(Ranking(node, workflow), node.batch, row),
        settings={job.stage: job.settings for job in jobs if job.identity},
        jobs=tuple(jobs),
        **_read_models(chunk, jobs),
    )


def _find_chunk(
    host_index: int, label: str, chunks: Sequence[int], search: int
) -> StructureBatchData:
    """Return the chunk with a search of a host; several chunks may have a host of its label."""
    query = QueryBuilder()
    filters = {"id": {"in": list(chunks)}, **filter_by_label(label)}
    query.append(StructureBatchData, filters=filters)
    for chunk in query.all(flat=True):
        rows = np.flatnonzero(chunk.batch.scalars["host"] == host_index)
        if len(rows) and get_search(chunk.batch.metadata[int(rows[0])]) == search:
            found: StructureBatchData = chunk
            return found
    raise ValueError(f"no chunk of the restoration has host {host_index} ({label})")


def _find_jobs(chunk: int, host_index: int) -> list[JobRecord]:
    """Return the jobs that a chunk depends on, without those that computed other hosts' potentials.

    A restoration from maxima of electrostatic potentials has starting points for each host of a
    chunk, from jobs of its own.
    """
    jobs = find_ancestor_jobs([chunk])
    query = QueryBuilder()
    query.append(Data, filters={"id": chunk}, tag="chunk")
    collect = {"attributes.function_name": "collect_starting_points"}
    query.append(CalcFunctionNode, filters=collect, with_descendants="chunk", tag="collect")
    query.append(StructureBatchData, with_outgoing="collect", project="id", edge_project="label")
    starting_points = {label: pk for pk, label in query.all()}
    own = starting_points.pop(f"host_{host_index:05d}", None)
    if own is None or not starting_points:
        return jobs
    own_jobs = {job.pk for job in find_ancestor_jobs([own])}
    others = {job.pk for job in find_ancestor_jobs(list(starting_points.values()))} - own_jobs
    return [job for job in jobs if job.pk not in others]


def _read_host(hosts: int, host_index: int) -> HostRecord:
    node = _load_batch(hosts)
    batch = node.batch
    metadata = batch.metadata[host_index]
    return HostRecord(
        label=batch.labels[host_index],
        host_index=host_index,
        pk=hosts,
        uuid=node.uuid,
        source={key: value for key, value in metadata.items() if value},
        structure=_find_structure(metadata.get("uuid")),
    )


def _load_batch(pk: int) -> StructureBatchData:
    node: Any = load_node(pk)
    found: StructureBatchData = node
    return found


def _find_structure(uuid: str | None) -> int | None:
    """Return the PK of the StructureData of a host.

    The metadata of the host have its UUID; those of a file may call anything so.
    """
    if uuid is None or not validate_uuid(uuid):
        return None
    query = QueryBuilder().append(StructureData, filters={"uuid": uuid}, project="id")
    found: int | None = query.first(flat=True)
    return found


def _read_models(chunk: StructureBatchData, jobs: Sequence[JobRecord]) -> dict[str, Any]:
    """Return version, seed, generator and potential, of the history or else of the jobs' inputs."""
    generator: dict[str, Any] = {}
    potential: dict[str, Any] = {}
    version: str | None = None
    identities = [{"stage": job.stage, **job.identity} for job in jobs if job.identity]
    for entry in (*identities, *chunk.batch.history):
        stage = str(entry.get("stage"))
        version = entry.get("version") or version
        if stage == "sample":
            generator |= {key: value for key, value in entry.items() if value is not None}
        elif stage.startswith(("relax", "score", "rerank")) and entry.get("model"):
            # Of two potentials, the one that ranks comes last.
            is_another = entry["model"].get("name") != potential.get("name")
            potential = {**({} if is_another else potential), **entry["model"]}
    seed = generator.get("seed")
    return {
        "version": version,
        "seed": None if seed is None else int(seed),
        "model": _make_model_record(generator.get("model", {})),
        "potential": _make_model_record(potential),
    }


def _make_model_record(card: Mapping[str, Any]) -> ModelRecord | None:
    if not card.get("name"):
        return None
    package = " ".join(str(card[key]) for key in ("package", "package_version") if card.get(key))
    return ModelRecord(str(card["name"]), card.get("sha256"), package or None)
