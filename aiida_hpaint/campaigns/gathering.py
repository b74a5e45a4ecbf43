"""The hosts to restore as one node, with links to the nodes that they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aiida.orm import Data, Dict, QueryBuilder
from aiida.tools.archive import import_archive

from aiida_hpaint.calculations.hosts import Add, gather_hosts, join_hosts
from aiida_hpaint.campaigns.sources import HostOrigin, HostSources
from aiida_hpaint.data.structure_batch import StructureBatchData

__all__ = ["gather_sources"]

_EACH = 100
"""Nodes that one calculation takes hosts from: AiiDA compares each input with all others."""


def gather_sources(
    sources: HostSources, rows: Sequence[int], archive: Path | None = None, add: Add = None
) -> StructureBatchData:
    """Some hosts of sources as one node.

    Parameters
    ----------
    sources
        Of which there is at least one host.
    rows
        Which of them.
    archive
        Imported, if hosts come from nodes that are not in the profile.
    add
        As it was given for the sources.
    """
    assert sources.hosts is not None
    origins = [sources.origins[row] for row in rows]
    files = [row for row in rows if sources.origins[row].uuid is None]
    parts = _from_nodes(origins, archive, add) if len(files) < len(rows) else []
    parts += [StructureBatchData(sources.hosts[files])] if files else []
    if len(parts) == 1:
        return parts[0]
    named = {f"part_{i:05d}": part for i, part in enumerate(parts)}
    found: StructureBatchData = join_hosts(**named)
    return found


def _from_nodes(
    origins: Sequence[HostOrigin], archive: Path | None, add: Add
) -> list[StructureBatchData]:
    rows: dict[str, list[int]] = {}
    for origin in origins:
        if origin.uuid is not None:
            rows.setdefault(origin.uuid, []).append(origin.row)
    uuids = list(rows)
    if archive is not None and _load(uuids).keys() < rows.keys():
        import_archive(archive, create_group=False)
    insert = {"insert": add if add is None or isinstance(add, str) else dict(add)}
    pieces = [uuids[at : at + _EACH] for at in range(0, len(uuids), _EACH)]
    return [_gather(piece, rows, Dict(insert)) for piece in pieces]


def _gather(
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
