"""How long restorations took, by which one can tell how long the next one will take."""

from __future__ import annotations

from dataclasses import dataclass

from aiida.orm import ProcessNode, QueryBuilder, WorkflowNode

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.restore.deduplication import hash_plans

__all__ = ["EarlierRun", "find_similar_run"]

_LATEST = 30
"""Number of restorations that are looked at."""

_SIMILAR = 2
"""Largest ratio of the numbers of sites of similar restorations."""


@dataclass(frozen=True)
class EarlierRun:
    """A restoration that has ended.

    Attributes
    ----------
    pk
        Its PK.
    n_sites
        Sites of all its hosts, inserted ones included.
    seconds
        Time from its submission until its samples were ranked.
    has_same_plan
        Whether its settings and models were the same.
    """

    pk: int
    n_sites: int
    seconds: float
    has_same_plan: bool


def find_similar_run(restoration: ProcessNode) -> EarlierRun | None:
    """Return the latest restoration of a similar number of sites before another one.

    One with the same settings and models is preferred to later ones with others. Waiting for a
    scheduler or for other work is a part of its time. None if there is none.
    """
    hosts = restoration.base.links.get_incoming(link_label_filter="graph_inputs__hosts")
    sizes = [link.node.base.attributes.get("n_sites") for link in hosts.all()]
    if not sizes:
        return None
    query = QueryBuilder()
    query.append(StructureBatchData, project="attributes.n_sites", tag="hosts")
    query.append(
        WorkflowNode,
        with_incoming="hosts",
        edge_filters={"label": "graph_inputs__hosts"},
        filters={"id": {"<": restoration.pk}, "attributes.exit_status": 0},
        project=["id", "ctime"],
        tag="graph",
    )
    query.append(
        StructureBatchData,
        with_incoming="graph",
        edge_filters={"label": "samples"},
        project="ctime",
    )
    query.order_by({"graph": {"id": "desc"}}).limit(_LATEST)
    similar = [row for row in query.all() if _is_similar(row[0], sizes[0])]
    plans = hash_plans([restoration.pk or 0, *(row[1] for row in similar)])
    of_plan = [row for row in similar if plans.get(row[1]) == plans.get(restoration.pk or 0)]
    for n_sites, pk, begun, ranked in (of_plan or similar)[:1]:
        return EarlierRun(pk, n_sites, (ranked - begun).total_seconds(), bool(of_plan))
    return None


def _is_similar(one: int, other: int) -> bool:
    return max(one, other) <= _SIMILAR * min(one, other)
