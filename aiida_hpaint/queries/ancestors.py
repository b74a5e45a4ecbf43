"""The jobs that a node depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiida.common.links import LinkType
from aiida.orm import CalcJobNode, Computer, Data, Node, QueryBuilder
from aiida.orm.implementation import StorageBackend

from aiida_hpaint.queries.provenance_record import JobRecord

__all__ = ["find_ancestor_jobs", "read_all_jobs"]

CACHED = "extras._aiida_cached_from"
_CALL = LinkType.CALL_CALC.value
_SETTINGS = ("function_inputs__settings", "parameters")
_IDENTITY = "function_inputs__identity"
_PSEUDO = "pseudos__"
_STAGE = "Stage<"
_POTENTIAL = "potential"
"""Stage of pp.x."""


def find_ancestor_jobs(nodes: Collection[int]) -> list[JobRecord]:
    """The jobs that went into data, the oldest first: two queries, however many there are.

    Parameters
    ----------
    nodes
        PKs.
    """
    if not nodes:
        return []
    query = QueryBuilder()
    query.append(Data, filters={"id": {"in": list(nodes)}}, tag="end")
    query.append(CalcJobNode, with_descendants="end", project=_OF_JOB, tag="job")
    return _read(query)


def read_all_jobs(backend: StorageBackend | None = None) -> list[JobRecord]:
    """All jobs of a profile, or of an archive whose backend this is, the oldest first."""
    query = QueryBuilder(backend=backend)
    query.append(CalcJobNode, project=_OF_JOB, tag="job")
    return _read(query, backend)


_OF_JOB = ["id", "uuid", "ctime", "attributes.process_label", "attributes.exit_status", CACHED]


def _read(query: QueryBuilder, backend: StorageBackend | None = None) -> list[JobRecord]:
    query.append(Computer, with_node="job", project="label", outerjoin=True)
    found = {row[0]: row for row in query.all()}
    around = _around(found, backend) if found else {}
    rows = sorted(found.values(), key=lambda row: row[2])
    return [_job(row, around.get(row[0], {})) for row in rows]


def _around(
    jobs: Iterable[int], backend: StorageBackend | None
) -> dict[int, dict[str, Mapping[str, Any]]]:
    """Of each job its caller, code, settings and pseudopotentials: attributes and label."""
    labels = ["code", *_SETTINGS, _IDENTITY]
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


def _job(row: list[Any], around: Mapping[str, Mapping[str, Any]]) -> JobRecord:
    pk, uuid, _, process, exit_status, cached_from, computer = row
    settings = next((_plain(around[name]) for name in _SETTINGS if name in around), {})
    return JobRecord(
        pk=pk,
        uuid=uuid,
        stage=_stage(process, around.get("caller", {}), settings),
        code=around["code"]["node_label"] if "code" in around else None,
        computer=computer,
        exit_status=exit_status,
        cached_from=cached_from,
        settings=settings,
        identity=_plain(around.get(_IDENTITY, {})),
        pseudopotentials={
            name.removeprefix(_PSEUDO): {key: str(values.get(key, "")) for key in _OF_PSEUDO}
            for name, values in around.items()
            if name.startswith(_PSEUDO)
        },
    )


_OF_PSEUDO = ("element", "filename", "md5")


def _stage(process: str, caller: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    label = str(caller.get("process_label", ""))
    if label.startswith(_STAGE):
        return label.removeprefix(_STAGE).rstrip(">")
    if process == "PwCalculation":
        return str(settings.get("CONTROL", {}).get("calculation", "scf"))
    return _POTENTIAL if process == "PpCalculation" else process


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "node_label"}
