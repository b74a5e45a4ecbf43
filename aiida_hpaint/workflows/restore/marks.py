"""Marks on the nodes that hosts come from: what their last restoration found, as an extra.

Extras are no part of a node's hash: marks change neither caching nor provenance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiida.common.utils import validate_uuid
from aiida.orm import Data, ProcessNode, QueryBuilder

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.workflows.restore.outcomes import (
    FAILED,
    RESTORED,
    WITHOUT,
    Outcomes,
    get_hosts,
    record_outcomes,
)

__all__ = ["MARK", "MARKED", "NO_MARKS", "mark_sources", "note_structures", "remove_marks"]

MARK = "hpaint"
"""Extra of a source: `status`, `reason` of a failure, `missing` sites by element, `candidates`,
`hosts` that it gave and how many of them are `restored`, UUID of the `restoration`, index of the
`host` in it, and UUID of the `structure` that was picked."""

MARKED = "hpaint_marked"
"""Extra of a restoration: number of sources that it marked."""

NO_MARKS = "hpaint_no_marks"
"""Extra of the group of a campaign whose sources are not to be marked."""

_STATUSES = {RESTORED: "restored", WITHOUT: "without candidate", FAILED: "failed"}
"""Status of a mark, by the state of the host; the best first."""


def mark_sources(restoration: ProcessNode) -> int:
    """Mark the sources of a restoration that has terminated, and return how many were marked.

    A failure does not replace the mark of an earlier restoration that found a candidate.
    """
    outcomes = record_outcomes(restoration)
    counts = _count_candidates(restoration)
    hosts = get_hosts(restoration).batch
    marked = 0
    for node, indices in _find_sources(hosts):
        mark = _make_mark(hosts, indices, outcomes, counts) | {"restoration": restoration.uuid}
        before: Mapping[str, Any] = node.base.extras.get(MARK, {})
        if before.get("status") == _STATUSES[RESTORED] != mark["status"]:
            continue
        node.base.extras.set(MARK, mark)
        marked += 1
    restoration.base.extras.set(MARKED, marked)
    return marked


def note_structures(restoration: ProcessNode, structures: Mapping[int, str]) -> None:
    """Add the UUIDs of picked structures, by the index of their host, to marks that are there."""
    for node, _ in _find_sources(get_hosts(restoration).batch):
        mark: dict[str, Any] = node.base.extras.get(MARK, {})
        if mark.get("restoration") == restoration.uuid and mark["host"] in structures:
            node.base.extras.set(MARK, {**mark, "structure": structures[mark["host"]]})


def remove_marks(restoration: ProcessNode) -> int:
    """Remove the marks that a restoration made, and return how many there were."""
    removed = 0
    for node, _ in _find_sources(get_hosts(restoration).batch):
        if node.base.extras.get(MARK, {}).get("restoration") == restoration.uuid:
            node.base.extras.delete(MARK)
            removed += 1
    # Without this, a campaign that still runs would mark them again.
    restoration.base.extras.set(MARKED, 0)
    return removed


def _find_sources(hosts: StructureBatch) -> list[tuple[Data, list[int]]]:
    """Return the nodes that hosts come from, with the indices of the hosts."""
    found: dict[str, list[int]] = {}
    for index, entry in enumerate(hosts.metadata):
        if validate_uuid(str(entry.get("uuid"))):  # a file may call anything its UUID
            found.setdefault(str(entry["uuid"]), []).append(index)
    if not found:
        return []
    query = QueryBuilder().append(Data, filters={"uuid": {"in": list(found)}}, tag="node")
    nodes: list[Data] = query.order_by({"node": "id"}).all(flat=True)
    return [(node, found[node.uuid]) for node in nodes]


def _make_mark(
    hosts: StructureBatch,
    indices: list[int],
    outcomes: Outcomes,
    candidates: Mapping[int, int],
) -> dict[str, Any]:
    order = list(_STATUSES)
    best = min(indices, key=lambda index: order.index(outcomes.states[index]))
    state = outcomes.states[best]
    host = hosts[best]
    missing = Counter(get_symbol(number) for number in host.numbers[host.inserted].tolist())
    mark = {
        "status": _STATUSES[state],
        "missing": dict(missing),
        "candidates": candidates.get(best, 0),
        "hosts": len(indices),
        "restored": sum(outcomes.states[index] == RESTORED for index in indices),
        "host": best,
    }
    return mark | ({"reason": outcomes.reasons[best]} if state == FAILED else {})


def _count_candidates(restoration: ProcessNode) -> Counter[int]:
    nodes = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
    if not nodes:
        return Counter()
    samples: Any = nodes[0]
    scalars = samples.batch.scalars
    return Counter(scalars["host"][scalars["rank"] >= 0].tolist())
