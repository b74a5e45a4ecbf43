"""Hosts of a campaign from files, a group or an archive, and the nodes that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aiida.common.exceptions import AiidaException
from aiida.orm import Data, Dict, QueryBuilder
from aiida.orm.implementation import StorageBackend
from aiida.tools.archive import import_archive
from aiida.tools.archive.abstract import get_format

from aiida_hpaint.calculations.hosts import (
    CIF_OF,
    SitesToInsert,
    gather_hosts,
    join_hosts,
    read_hosts_of_node,
    strip_results,
)
from aiida_hpaint.campaigns.nodes import EVERYTHING, Selection, SourceNode, find_source_nodes
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.preflight import find_unknown
from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings, RestorationSettings
from aiida_hpaint.science.structures import HostProblem, StructureBatch, concatenate, prepare_hosts

__all__ = [
    "CampaignHosts",
    "HostOrigin",
    "drop_complete_hosts",
    "drop_unknown_elements",
    "gather_campaign_hosts",
    "join_campaign_hosts",
    "open_archive",
    "read_hosts_from_archive",
    "read_hosts_from_files",
    "read_hosts_from_group",
    "read_hosts_of_source",
]

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
    cif
        UUID of the CifData that says what a StructureData lacks; None for other nodes.
    """

    uuid: str | None
    row: int
    cif: str | None = None


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
    label: str,
    add: SitesToInsert,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    selection: Selection = EVERYTHING,
) -> CampaignHosts:
    """Read hosts from the nodes of a group: structures, CIFs, batches and CifCleanWorkChains.

    Raises
    ------
    ValueError
        If the group does not exist, or has no such node.
    """
    sources = find_source_nodes(label, selection, with_cifs=add is None)
    return _read_sources(sources, add, settings, f"group {label!r}")


def read_hosts_from_archive(
    path: Path,
    add: SitesToInsert,
    group: str | None = None,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    selection: Selection = EVERYTHING,
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
        How hosts are read.
    selection
        Nodes that are taken.

    Raises
    ------
    ValueError
        If the file is not an archive, or has no such node.
    """
    where = f"group {group!r} of {path}" if group else str(path)
    with open_archive(path) as backend:
        sources = find_source_nodes(group, selection, backend, with_cifs=add is None)
        return _read_sources(sources, add, settings, where)


@contextmanager
def open_archive(path: Path) -> Iterator[StorageBackend]:
    """Open an archive for reading.

    Raises
    ------
    ValueError
        If the file is not an archive.
    """
    try:
        with get_format().open(path, "r") as archive:
            yield archive.get_backend()
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


def _read_sources(
    sources: Sequence[SourceNode], add: SitesToInsert, settings: HostSettings, where: str
) -> CampaignHosts:
    if not sources:
        kinds = "StructureData, CifData, StructureBatchData or CifCleanWorkChain"
        raise ValueError(f"{where} has no {kinds} that is selected")
    found = []
    for source in sources:
        hosts, problems = read_hosts_of_source(source, add, settings)
        cif = source.cifs[0].uuid if source.cifs else None
        count = 0 if hosts is None else len(hosts)
        origins = tuple(HostOrigin(source.node.uuid, row, cif) for row in range(count))
        found.append(CampaignHosts(hosts, origins, problems))
    return join_campaign_hosts(found)


def read_hosts_of_source(
    source: SourceNode, add: SitesToInsert, settings: HostSettings
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    """Return the valid hosts of a node and the problems of the others."""
    if len(source.cifs) > 1:
        names = ", ".join(f"{cif.label or cif.filename} ({cif.uuid})" for cif in source.cifs)
        label = source.node.label or f"node {source.node.pk}"
        reason = f"it was made from {len(source.cifs)} CIFs: {names}"
        return None, (HostProblem(label, reason, "Say what to add, or give one of the CIFs"),)
    cif = source.cifs[0] if source.cifs else None
    return read_hosts_of_node(source.node, add, settings, cif)


def drop_complete_hosts(given: CampaignHosts) -> CampaignHosts:
    """Return the hosts that have sites to insert; the others become problems."""
    hosts = given.hosts
    if hosts is None or not hosts.placed.any():
        return given
    complete = {
        row: HostProblem(hosts.labels[row], "it lacks no site", "Say what to add")
        for row in np.flatnonzero(hosts.placed).tolist()
    }
    return _leave_out(given, complete)


def drop_unknown_elements(given: CampaignHosts, settings: RestorationSettings) -> CampaignHosts:
    """Return the hosts that the potentials describe; the others become problems."""
    return given if given.hosts is None else _leave_out(given, find_unknown(given.hosts, settings))


def _leave_out(given: CampaignHosts, problems: Mapping[int, HostProblem]) -> CampaignHosts:
    """Turn hosts, by their rows, into problems."""
    kept = [row for row in range(len(given)) if row not in problems]
    return CampaignHosts(
        given.hosts[kept] if given.hosts is not None and kept else None,
        tuple(given.origins[row] for row in kept),
        (*given.problems, *problems.values()),
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
    add, settings
        Sites to insert and how hosts are read, as they were given when the hosts were read.
    """
    assert given.hosts is not None
    by_node: dict[str, list[int]] = {}
    cifs: dict[str, str] = {}
    from_files = []
    for row in rows:
        origin = given.origins[row]
        if origin.uuid is None:
            from_files.append(row)
        else:
            by_node.setdefault(origin.uuid, []).append(origin.row)
            if origin.cif is not None:
                cifs[origin.uuid] = origin.cif
    uuids = list(by_node)
    if archive is not None and _load(uuids).keys() < by_node.keys():
        import_archive(archive, create_group=False)
    insert = add if add is None or isinstance(add, str) else dict(add)
    reading = Dict({"insert": insert, "hosts": settings.model_dump(mode="json")})
    pieces = [uuids[at : at + _MAX_NODES] for at in range(0, len(uuids), _MAX_NODES)]
    parts = [_gather_from_nodes(piece, by_node, cifs, reading) for piece in pieces]
    if from_files:
        parts.append(StructureBatchData(given.hosts[from_files]))
    if len(parts) == 1:
        return parts[0]
    found: StructureBatchData = join_hosts(**{f"part_{i:05d}": p for i, p in enumerate(parts)})
    return found


def _gather_from_nodes(
    uuids: Sequence[str],
    rows: Mapping[str, Sequence[int]],
    cifs: Mapping[str, str],
    reading: Dict,
) -> StructureBatchData:
    nodes = _load([*uuids, *(cifs[uuid] for uuid in uuids if uuid in cifs)])
    names = {uuid: f"source_{i:05d}" for i, uuid in enumerate(uuids)}
    named = {name: nodes[uuid] for uuid, name in names.items()}
    named |= {f"{names[uuid]}{CIF_OF}": nodes[cifs[uuid]] for uuid in uuids if uuid in cifs}
    chosen = Dict({name: list(rows[uuid]) for uuid, name in names.items()})
    found: StructureBatchData = gather_hosts(add=reading, rows=chosen, **named)
    return found


def _load(uuids: Sequence[str]) -> dict[str, Data]:
    query = QueryBuilder().append(Data, filters={"uuid": {"in": list(uuids)}})
    return {node.uuid: node for node in query.all(flat=True)}
