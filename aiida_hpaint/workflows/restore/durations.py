"""How long restorations took, by which one can tell how long the next one will take."""

from __future__ import annotations

from dataclasses import dataclass

from aiida.orm import ProcessNode, QueryBuilder, WorkflowNode

from aiida_hpaint.data.structure_batch import StructureBatchData

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
    """

    pk: int
    n_sites: int
    seconds: float


def find_similar_run(restoration: ProcessNode) -> EarlierRun | None:
    """Return the latest restoration of a similar number of sites before another one.

    Waiting for a scheduler or for other work is a part of its time. None if there is none.
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
    for n_sites, pk, begun, ranked in query.all():
        if max(sizes[0], n_sites) <= _SIMILAR * min(sizes[0], n_sites):
            return EarlierRun(pk, n_sites, (ranked - begun).total_seconds())
    return None
