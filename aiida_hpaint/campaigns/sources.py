"""Hosts of a campaign: from files, a group or an archive, each known by where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiida.common.exceptions import AiidaException
from aiida.orm import CifData, Data, Group, QueryBuilder, StructureData
from aiida.tools.archive.abstract import get_format

from aiida_hpaint.calculations.hosts import Add, read_hosts_of_node, strip_results
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures import HostProblem, StructureBatch, concatenate, prepare_hosts

__all__ = [
    "HostOrigin",
    "HostSources",
    "drop_complete_hosts",
    "join_sources",
    "read_hosts_from_archive",
    "read_hosts_from_files",
    "read_hosts_from_group",
]

_KINDS: tuple[type[Data], ...] = (StructureData, CifData, StructureBatchData)


@dataclass(frozen=True)
class HostOrigin:
    """The node that a host comes from, and which of its hosts it is.

    Attributes
    ----------
    uuid
        Of the StructureData, CifData or StructureBatchData; None for a file.
    row
        Among the hosts of the node that can serve.
    """

    uuid: str | None
    row: int


@dataclass(frozen=True)
class HostSources:
    """Hosts with the sites to insert.

    Attributes
    ----------
    hosts
        All of them; None if there is none that can serve.
    origins
        Where each comes from.
    problems
        What is wrong with others.
    """

    hosts: StructureBatch | None
    origins: tuple[HostOrigin, ...]
    problems: tuple[HostProblem, ...] = ()

    def __len__(self) -> int:
        return len(self.origins)


def read_hosts_from_files(paths: Sequence[str], add: Add) -> HostSources:
    """Hosts from CIF, POSCAR, extxyz, ... files."""
    hosts, problems = prepare_hosts(list(paths), add)
    found = () if hosts is None else tuple(HostOrigin(None, row) for row in range(len(hosts)))
    return HostSources(None if hosts is None else strip_results(hosts), found, problems)


def read_hosts_from_group(label: str, add: Add) -> HostSources:
    """Hosts from the StructureData, CifData and StructureBatchData of a group.

    Raises
    ------
    ValueError
        If there is no such group, or nothing of the kind in it.
    """
    query = QueryBuilder()
    query.append(Group, filters={"or": [{"label": label}, {"uuid": label}]}, tag="group")
    if not query.count():
        raise ValueError(f"group: there is no group {label!r}: see `verdi group list --all`")
    query.append(_KINDS, with_group="group", tag="node").order_by({"node": "id"})
    return _from_nodes(query.all(flat=True), add, f"group {label!r}")


def read_hosts_from_archive(path: Path, add: Add, group: str | None = None) -> HostSources:
    """Hosts from an archive, which is read and not imported.

    Parameters
    ----------
    path
        Of the file.
    add
        Sites to insert.
    group
        Label of a group in it; without one, all StructureData, CifData and batches of hosts.

    Raises
    ------
    ValueError
        If it is no archive, or has nothing of the kind.
    """
    where = f"group {group!r} of {path}" if group else str(path)
    try:
        with get_format().open(path, "r") as archive:
            nodes = _in_archive(archive.querybuilder(), group)
            return _from_nodes(nodes, add, where)
    except (AiidaException, OSError) as error:
        raise ValueError(f"archive: {path} cannot be read: {error}") from None


def _in_archive(query: QueryBuilder, group: str | None) -> list[Data]:
    if group is None:
        query.append(_KINDS, tag="node").order_by({"node": "id"})
        return [node for node in query.all(flat=True) if _may_serve(node)]
    query.append(Group, filters={"label": group}, tag="group")
    query.append(_KINDS, with_group="group", tag="node").order_by({"node": "id"})
    found: list[Data] = query.all(flat=True)
    return found


def join_sources(sources: Iterable[HostSources]) -> HostSources:
    """All of them, one after the other."""
    found = list(sources)
    batches = [each.hosts for each in found if each.hosts is not None]
    return HostSources(
        concatenate(batches) if batches else None,
        tuple(origin for each in found for origin in each.origins),
        tuple(problem for each in found for problem in each.problems),
    )


def _may_serve(node: Data) -> bool:
    """Samples and candidates are batches, too, and no hosts."""
    if not isinstance(node, StructureBatchData):
        return True
    return "statuses" not in node.base.attributes.all


def _from_nodes(nodes: Sequence[Any], add: Add, where: str) -> HostSources:
    if not nodes:
        raise ValueError(f"{where} has no StructureData, CifData or StructureBatchData")
    return join_sources(_from_node(node, add) for node in nodes)


def _from_node(node: Data, add: Add) -> HostSources:
    hosts, problems = read_hosts_of_node(node, add)
    if hosts is None:
        return HostSources(None, (), problems)
    origins = tuple(HostOrigin(node.uuid, row) for row in range(len(hosts)))
    return HostSources(hosts, origins, problems)


def drop_complete_hosts(sources: HostSources) -> HostSources:
    """Without hosts that lack nothing, which become problems."""
    hosts = sources.hosts
    if hosts is None or not hosts.placed.any():
        return sources
    kept = np.flatnonzero(~hosts.placed)
    whole = tuple(
        HostProblem(hosts.labels[row], "it lacks no site", "Say what to add")
        for row in np.flatnonzero(hosts.placed).tolist()
    )
    return HostSources(
        hosts[kept] if len(kept) else None,
        tuple(sources.origins[row] for row in kept.tolist()),
        (*sources.problems, *whole),
    )
