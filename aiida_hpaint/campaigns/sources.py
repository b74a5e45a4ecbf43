"""Hosts of a campaign from files, a group or an archive, and the nodes that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiida.common.exceptions import AiidaException
from aiida.orm import CifData, Data, Dict, Group, QueryBuilder, StructureData
from aiida.tools.archive import import_archive
from aiida.tools.archive.abstract import get_format

from aiida_hpaint.calculations.hosts import (
    SitesToInsert,
    gather_hosts,
    join_hosts,
    read_hosts_of_node,
    strip_results,
)
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures import HostProblem, StructureBatch, concatenate, prepare_hosts

__all__ = [
    "CampaignHosts",
    "HostOrigin",
    "drop_complete_hosts",
    "gather_campaign_hosts",
    "join_campaign_hosts",
    "read_hosts_from_archive",
    "read_hosts_from_files",
    "read_hosts_from_group",
]

_KINDS: tuple[type[Data], ...] = (StructureData, CifData, StructureBatchData)

_MAX_NODES = 100
"""Largest number of input nodes of a calculation: AiiDA compares each of them with all others."""


@dataclass(frozen=True)
class HostOrigin:
    """The node that a host comes from.

    Attributes
    ----------
    uuid
        UUID of the StructureData, CifData or StructureBatchData; None for a file.
    row
        Index among the valid hosts of the node.
    """

    uuid: str | None
    row: int


@dataclass(frozen=True)
class CampaignHosts:
    """Hosts with the sites to insert.

    Attributes
    ----------
    hosts
        All valid hosts; None if there are none.
    origins
        Origin of each host.
    problems
        Problems of the other hosts.
    """

    hosts: StructureBatch | None
    origins: tuple[HostOrigin, ...]
    problems: tuple[HostProblem, ...] = ()

    def __len__(self) -> int:
        return len(self.origins)


def read_hosts_from_files(
    paths: Sequence[str], add: SitesToInsert, settings: HostSettings = DEFAULT_HOST_SETTINGS
) -> CampaignHosts:
    """Read hosts from CIF, POSCAR, extxyz, ... files."""
    hosts, problems = prepare_hosts(list(paths), add, settings=settings)
    found = () if hosts is None else tuple(HostOrigin(None, row) for row in range(len(hosts)))
    return CampaignHosts(None if hosts is None else strip_results(hosts), found, problems)


def read_hosts_from_group(
    label: str, add: SitesToInsert, settings: HostSettings = DEFAULT_HOST_SETTINGS
) -> CampaignHosts:
    """Read hosts from the StructureData, CifData and StructureBatchData of a group.

    Raises
    ------
    ValueError
        If the group does not exist, or has no such node.
    """
    query = QueryBuilder()
    query.append(Group, filters={"or": [{"label": label}, {"uuid": label}]}, tag="group")
    if not query.count():
        raise ValueError(f"group: there is no group {label!r}: see `verdi group list --all`")
    query.append(_KINDS, with_group="group", tag="node").order_by({"node": "id"})
    return _read_nodes(query.all(flat=True), add, settings, f"group {label!r}")


def read_hosts_from_archive(
    path: Path,
    add: SitesToInsert,
    group: str | None = None,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
) -> CampaignHosts:
    """Read hosts from an archive without importing it.

    Parameters
    ----------
    path
        Path of the archive.
    add
        Sites to insert.
    group
        Label of a group in the archive; by default all StructureData, CifData and batches of hosts
        are read.
    settings
        How CIFs are read.

    Raises
    ------
    ValueError
        If the file is not an archive, or has no such node.
    """
    where = f"group {group!r} of {path}" if group else str(path)
    try:
        with get_format().open(path, "r") as archive:
            query = archive.querybuilder()
            if group is not None:
                query.append(Group, filters={"label": group}, tag="group")
            link: dict[str, Any] = {} if group is None else {"with_group": "group"}
            query.append(_KINDS, tag="node", **link).order_by({"node": "id"})
            nodes = query.all(flat=True)
            if group is None:
                # Samples and candidates are batches, too, but not hosts.
                nodes = [node for node in nodes if "statuses" not in node.base.attributes.all]
            return _read_nodes(nodes, add, settings, where)
    except (AiidaException, OSError) as error:
        raise ValueError(f"archive: {path} cannot be read: {error}") from None


def join_campaign_hosts(parts: Iterable[CampaignHosts]) -> CampaignHosts:
    """Return the hosts of all parts, in their order."""
    found = list(parts)
    batches = [each.hosts for each in found if each.hosts is not None]
    return CampaignHosts(
        concatenate(batches) if batches else None,
        tuple(origin for each in found for origin in each.origins),
        tuple(problem for each in found for problem in each.problems),
    )


def _read_nodes(
    nodes: Sequence[Any], add: SitesToInsert, settings: HostSettings, where: str
) -> CampaignHosts:
    if not nodes:
        raise ValueError(f"{where} has no StructureData, CifData or StructureBatchData")
    found = []
    for node in nodes:
        hosts, problems = read_hosts_of_node(node, add, settings)
        count = 0 if hosts is None else len(hosts)
        origins = tuple(HostOrigin(node.uuid, row) for row in range(count))
        found.append(CampaignHosts(hosts, origins, problems))
    return join_campaign_hosts(found)


def drop_complete_hosts(given: CampaignHosts) -> CampaignHosts:
    """Return the hosts that have sites to insert; the others become problems."""
    hosts = given.hosts
    if hosts is None or not hosts.placed.any():
        return given
    incomplete = np.flatnonzero(~hosts.placed)
    complete = tuple(
        HostProblem(hosts.labels[row], "it lacks no site", "Say what to add")
        for row in np.flatnonzero(hosts.placed).tolist()
    )
    return CampaignHosts(
        hosts[incomplete] if len(incomplete) else None,
        tuple(given.origins[row] for row in incomplete.tolist()),
        (*given.problems, *complete),
    )


def gather_campaign_hosts(
    given: CampaignHosts,
    rows: Sequence[int],
    archive: Path | None = None,
    add: SitesToInsert = None,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
) -> StructureBatchData:
    """Return some hosts as one node, linked to the nodes that they come from.

    Parameters
    ----------
    given
        Hosts, at least one.
    rows
        Indices of the chosen hosts.
    archive
        Archive that is imported if hosts come from nodes that are not in the profile.
    add
        Sites to insert, as they were given when the hosts were read.
    settings
        How CIFs are read, as it was given then.
    """
    assert given.hosts is not None
    by_node: dict[str, list[int]] = {}
    from_files = []
    for row in rows:
        origin = given.origins[row]
        if origin.uuid is None:
            from_files.append(row)
        else:
            by_node.setdefault(origin.uuid, []).append(origin.row)
    uuids = list(by_node)
    if archive is not None and _load(uuids).keys() < by_node.keys():
        import_archive(archive, create_group=False)
    given_insert = add if add is None or isinstance(add, str) else dict(add)
    insert = Dict({"insert": given_insert, "hosts": settings.model_dump(mode="json")})
    pieces = [uuids[at : at + _MAX_NODES] for at in range(0, len(uuids), _MAX_NODES)]
    parts = [_gather_from_nodes(piece, by_node, insert) for piece in pieces]
    if from_files:
        parts.append(StructureBatchData(given.hosts[from_files]))
    if len(parts) == 1:
        return parts[0]
    found: StructureBatchData = join_hosts(**{f"part_{i:05d}": p for i, p in enumerate(parts)})
    return found


def _gather_from_nodes(
    uuids: Sequence[str], rows: Mapping[str, Sequence[int]], insert: Dict
) -> StructureBatchData:
    nodes = _load(uuids)
    named = {f"source_{i:05d}": nodes[uuid] for i, uuid in enumerate(uuids)}
    chosen = Dict({name: list(rows[node.uuid]) for name, node in named.items()})
    found: StructureBatchData = gather_hosts(add=insert, rows=chosen, **named)
    return found


def _load(uuids: Sequence[str]) -> dict[str, Data]:
    query = QueryBuilder().append(Data, filters={"uuid": {"in": list(uuids)}})
    return {node.uuid: node for node in query.all(flat=True)}
