"""Nodes that give hosts: members of a group or an archive, and what their provenance adds.

Members are structures, CIFs, batches of hosts, or CifCleanWorkChains of aiida-codtools, which stand
for the CIF that they cleaned. That package need not be installed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiida.common.utils import validate_uuid
from aiida.orm import (
    CalculationNode,
    CifData,
    Data,
    Group,
    Node,
    QueryBuilder,
    StructureData,
    WorkChainNode,
)
from aiida.orm.implementation import StorageBackend

from aiida_hpaint.data.structure_batch import StructureBatchData

__all__ = ["CIF_CLEAN", "EVERYTHING", "Selection", "SourceNode", "find_cifs", "find_source_nodes"]

CIF_CLEAN = "codtools.cif_clean"
"""Entry point of the CifCleanWorkChain of aiida-codtools, in the type of its processes."""

FORMULA_STATUSES: Mapping[int, str] = {
    412: "H atoms are attached to sites without positions",
    430: "elements of the formula are missing in the structure",
    431: "structure and formula differ in composition",
    432: "the formula could not be checked",
}
"""Exit statuses of a CifCleanWorkChain that speak of missing sites."""

_KINDS: tuple[type[Data], ...] = (StructureData, CifData, StructureBatchData)

_IS_CIF_CLEAN = {
    "or": [
        {"process_type": {"like": f"%{CIF_CLEAN}"}},
        {"attributes.process_label": "CifCleanWorkChain"},
    ]
}

_MAX_STEPS = 8
"""Largest number of calculations between a structure and its CIF."""

_PIECE = 500
"""Most nodes that one query names: databases limit the length of a query."""


@dataclass(frozen=True)
class SourceNode:
    """A node that gives hosts.

    Attributes
    ----------
    node
        A StructureData, CifData or StructureBatchData.
    cifs
        CIFs that a StructureData was made from, as its provenance says: none, one, or several that
        are equally near.
    statement
        What a pipeline says about it, such as the exit status of its cleaning; empty if nothing.
    """

    node: Data
    cifs: tuple[CifData, ...] = ()
    statement: str = ""


@dataclass(frozen=True)
class Selection:
    """Which nodes of a group or an archive are taken.

    Attributes
    ----------
    where
        Conditions KEY=VALUE[,VALUE] that all have to hold, such as `exit_status=430,431` or
        `extras.incorrect_formula=missing_elements`. A key without `extras.` is an attribute.
    uuids
        UUIDs of the nodes; empty for all.
    """

    where: tuple[str, ...] = ()
    uuids: frozenset[str] = frozenset()

    def make_filters(self) -> dict[str, Any]:
        """Return the conditions as filters of the QueryBuilder.

        Raises
        ------
        ValueError
            If a condition has no key or no value.
        """
        return _parse_conditions(self.where)


EVERYTHING = Selection()
"""All nodes."""


def _parse_conditions(where: Iterable[str]) -> dict[str, Any]:
    filters: dict[str, Any] = {}
    for text in where:
        key, sign, values = text.partition("=")
        if not (key.strip() and sign and values.strip()):
            raise ValueError(f"where: {text}: write KEY=VALUE, like exit_status=430,431")
        name = key.strip()
        name = name if name.startswith(("extras.", "attributes.")) else f"attributes.{name}"
        filters[name] = {"in": [_parse_value(value.strip()) for value in values.split(",")]}
    return filters


def _parse_value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text


def find_source_nodes(
    group: str | None = None,
    selection: Selection = EVERYTHING,
    backend: StorageBackend | None = None,
    with_cifs: bool = True,
) -> list[SourceNode]:
    """Return the nodes of a group, or of a whole profile or archive, that give hosts.

    Parameters
    ----------
    group
        Label or UUID of a group; None for all nodes.
    selection
        Which of them are returned.
    backend
        Storage of an archive; by default that of the profile.
    with_cifs
        Whether the CIFs of structures are sought.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    if group is not None:
        query = QueryBuilder(backend=backend).append(Group, filters=_match_group(group))
        if not query.count():
            where = "see `verdi group list --all`" if backend is None else "in this archive"
            raise ValueError(f"group: there is no group {group!r}: {where}")
    filters = selection.make_filters()
    found = dict[str, SourceNode]()
    for node in _query_members(_KINDS, group, filters, backend):
        # Samples and candidates are batches, too, but not hosts.
        if group is not None or "statuses" not in node.base.attributes.all:
            found[node.uuid] = SourceNode(node)
    for node in _query_members((WorkChainNode,), group, {**filters, **_IS_CIF_CLEAN}, backend):
        cif = _find_cleaned(node)
        if cif is not None:
            found[cif.uuid] = SourceNode(cif, statement=_describe_cleaning(node))
    if selection.uuids:
        found = {uuid: one for uuid, one in found.items() if uuid in selection.uuids}
    if not with_cifs:
        return list(found.values())
    structures = [one.node.pk for one in found.values() if isinstance(one.node, StructureData)]
    cifs = find_cifs([pk for pk in structures if pk is not None], backend)
    return [
        SourceNode(one.node, tuple(cifs.get(one.node.pk or 0, ())), one.statement)
        for one in found.values()
    ]


def _match_group(group: str) -> dict[str, Any]:
    # PostgreSQL compares UUIDs with nothing else.
    return {"or": [{"label": group}, *([{"uuid": group}] if validate_uuid(group) else [])]}


def _query_members(
    kinds: tuple[type[Node], ...],
    group: str | None,
    filters: dict[str, Any],
    backend: StorageBackend | None,
) -> list[Any]:
    query = QueryBuilder(backend=backend)
    link: dict[str, Any] = {}
    if group is not None:
        query.append(Group, filters=_match_group(group), tag="group")
        link = {"with_group": "group"}
    query.append(kinds, filters=filters, tag="node", **link).order_by({"node": "id"})
    return query.all(flat=True)


def _find_cleaned(cleaning: WorkChainNode) -> CifData | None:
    """Return the cleaned CIF of a CifCleanWorkChain; the given one if it ended before."""
    links = cleaning.base.links
    cleaned = links.get_outgoing(CifData, link_label_filter="cif").all_nodes()
    nodes: Sequence[Any] = (
        cleaned or links.get_incoming(CifData, link_label_filter="cif").all_nodes()
    )
    return nodes[0] if nodes else None


def _describe_cleaning(cleaning: WorkChainNode) -> str:
    status = cleaning.exit_status
    meaning = FORMULA_STATUSES.get(status or 0, "")
    return f"exit status {status} of CifCleanWorkChain {cleaning.pk}: {meaning}" if meaning else ""


def find_cifs(
    structures: Collection[int], backend: StorageBackend | None = None
) -> dict[int, list[CifData]]:
    """Return the CIFs that structures were made from, by the PKs of the structures.

    Calculations are followed from a structure to their inputs, step by step over structures, up to
    the first that took a CIF.
    """
    found: dict[int, list[CifData]] = {}
    # PKs of the structures for each of their ancestors that the search has come to.
    reached: dict[int, set[int]] = {pk: {pk} for pk in structures}
    for _ in range(_MAX_STEPS):
        cifs: dict[int, dict[int, CifData]] = defaultdict(dict)
        following: dict[int, set[int]] = defaultdict(set)
        for pieces in _cut(reached, _PIECE):
            query = QueryBuilder(backend=backend)
            query.append(Data, filters={"id": {"in": pieces}}, project="id", tag="child")
            query.append(CalculationNode, with_outgoing="child", tag="calculation")
            kinds = (CifData, StructureData)
            query.append(kinds, with_outgoing="calculation", project=["*", "id"])
            for child, parent, pk in query.all():
                for structure in reached[child]:
                    if isinstance(parent, CifData):
                        cifs[structure][pk] = parent
                    else:
                        following[pk].add(structure)
        found.update({structure: list(each.values()) for structure, each in cifs.items()})
        reached = {pk: left for pk, ends in following.items() if (left := ends - found.keys())}
        if not reached:
            break
    return found


def _cut(items: Iterable[int], size: int) -> Iterator[list[int]]:
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece
