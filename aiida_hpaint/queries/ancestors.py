"""Jobs that a node depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiida.common.links import LinkType
from aiida.orm import CalcJobNode, Computer, Data, Node, QueryBuilder
from aiida.orm.implementation import StorageBackend

from aiida_hpaint.calculations.jobs import AFTER
from aiida_hpaint.queries.provenance_record import JobRecord

__all__ = ["find_ancestor_jobs", "read_all_jobs"]

_CALL = LinkType.CALL_CALC.value
_SETTINGS = ("function_inputs__settings", "parameters")
_IDENTITY = "function_inputs__identity"
_LATER = "function_inputs__later"
_PSEUDO = "pseudos__"
_STAGE = "Stage<"
_POTENTIAL = "potential"
"""Stage of pp.x jobs: the electrostatic potential."""


def find_ancestor_jobs(nodes: Collection[int]) -> list[JobRecord]:
    """Return the jobs that data depend on, the oldest first, by two or three queries.

    A job that has run several stages has a record for each of them.

    Parameters
    ----------
    nodes
        PKs of data nodes.
    """
    if not nodes:
        return []
    query = QueryBuilder()
    query.append(Data, filters={"id": {"in": list(nodes)}}, tag="end")
    query.append(CalcJobNode, with_descendants="end", project=_JOB_COLUMNS, tag="job")
    return _read_jobs(query)


def read_all_jobs(backend: StorageBackend | None = None) -> list[JobRecord]:
    """Return all jobs of the profile, or of an archive with its backend, the oldest first."""
    query = QueryBuilder(backend=backend)
    query.append(CalcJobNode, project=_JOB_COLUMNS, tag="job")
    return _read_jobs(query, backend)


_JOB_COLUMNS = [
    "id",
    "uuid",
    "ctime",
    "attributes.process_label",
    "attributes.exit_status",
    "extras._aiida_cached_from",
]


def _read_jobs(query: QueryBuilder, backend: StorageBackend | None = None) -> list[JobRecord]:
    query.append(Computer, with_node="job", project="label", outerjoin=True)
    found = {row[0]: row for row in query.all()}
    neighbours = _read_neighbours(found, backend) if found else {}
    rows = sorted(found.values(), key=lambda row: row[2])
    jobs = [(_make_job(row, neighbours.get(row[0], {})), row[0]) for row in rows]
    shared = [pk for pk, values in neighbours.items() if _LATER in values]
    made = _read_output_names(shared, backend) if shared else {}
    return [
        record
        for job, pk in jobs
        for record in (job, *_list_later_stages(job, neighbours.get(pk, {}), made.get(pk, set())))
    ]


def _read_output_names(jobs: list[int], backend: StorageBackend | None) -> dict[int, set[str]]:
    query = QueryBuilder(backend=backend)
    query.append(CalcJobNode, filters={"id": {"in": jobs}}, project="id", tag="job")
    query.append(Data, with_incoming="job", edge_project="label")
    found: dict[int, set[str]] = {}
    for job, label in query.all():
        found.setdefault(job, set()).add(label)
    return found


def _list_later_stages(
    job: JobRecord, neighbours: Mapping[str, Mapping[str, Any]], outputs: Collection[str]
) -> list[JobRecord]:
    """Return a record for each later stage that a job has run besides its own."""
    stages = neighbours.get(_LATER, {}).get("stages", [])
    return [
        replace(job, stage=one["stage"], settings=one["settings"], identity=one["identity"])
        for one in stages
        if f"{AFTER}{one['stage']}" in outputs
    ]


def _read_neighbours(
    jobs: Iterable[int], backend: StorageBackend | None
) -> dict[int, dict[str, Mapping[str, Any]]]:
    """Return caller, code, settings and pseudopotentials of each job, by its PK.

    Each has its attributes, and its label as `node_label`.
    """
    labels = ["code", *_SETTINGS, _IDENTITY, _LATER]
    edges = [{"label": {"in": labels}}, {"label": {"like": f"{_PSEUDO}%"}}, {"type": _CALL}]
    query = QueryBuilder(backend=backend)
    query.append(CalcJobNode, filters={"id": {"in": list(jobs)}}, project="id", tag="job")
    query.append(
        Node,
        with_outgoing="job",
        project=["label", "attributes"],
        edge_filters={"or": edges},
        edge_project=["label", "type"],
    )
    found: dict[int, dict[str, Mapping[str, Any]]] = {}
    for job, name, attributes, label, kind in query.all():
        key = "caller" if kind == _CALL else label
        found.setdefault(job, {})[key] = {**attributes, "node_label": name}
    return found


def _make_job(row: list[Any], neighbours: Mapping[str, Mapping[str, Any]]) -> JobRecord:
    pk, uuid, _, process, exit_status, cached_from, computer = row
    settings = next(
        (_without_label(neighbours[name]) for name in _SETTINGS if name in neighbours), {}
    )
    return JobRecord(
        pk=pk,
        uuid=uuid,
        stage=_find_stage(process, neighbours.get("caller", {}), settings),
        code=neighbours["code"]["node_label"] if "code" in neighbours else None,
        computer=computer,
        exit_status=exit_status,
        cached_from=cached_from,
        settings=settings,
        identity=_without_label(neighbours.get(_IDENTITY, {})),
        pseudopotentials={
            name.removeprefix(_PSEUDO): {key: str(values.get(key, "")) for key in _PSEUDO_KEYS}
            for name, values in neighbours.items()
            if name.startswith(_PSEUDO)
        },
    )


_PSEUDO_KEYS = ("element", "filename", "md5")


def _find_stage(process: str, caller: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    label = str(caller.get("process_label", ""))
    if label.startswith(_STAGE):
        return label.removeprefix(_STAGE).rstrip(">").partition(" to ")[0]
    if process == "PwCalculation":
        return str(settings.get("CONTROL", {}).get("calculation", "scf"))
    return _POTENTIAL if process == "PpCalculation" else process


def _without_label(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "node_label"}
