"""Results of a campaign: the samples of all chunks, and StructureData on request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from aiida.orm import (
    CalcFunctionNode,
    List,
    Node,
    ProcessNode,
    QueryBuilder,
    StructureData,
    load_node,
)

from aiida_hpaint.calculations.failures import fill_missing_scalars
from aiida_hpaint.calculations.ranking import pick_structures
from aiida_hpaint.campaigns.deduplication import WAITING
from aiida_hpaint.campaigns.group import CampaignGroup
from aiida_hpaint.campaigns.state import find_campaign_hosts
from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.structures import StructureBatch, concatenate
from aiida_hpaint.science.structures.distinct_names import make_distinct
from aiida_hpaint.workflows.restore.marks import note_structures
from aiida_hpaint.workflows.restore.progress import get_hosts, get_samples, get_samples_in_host

__all__ = ["CampaignSamples", "collect_campaign_samples", "pick_candidates"]


@dataclass(frozen=True)
class CampaignSamples:
    """What a campaign has found so far; the scalar `host` is the index of the host in it.

    Attributes
    ----------
    samples
        Ranked samples; the history is that of the first chunk.
    hosts
        Their hosts, with what is known of their sources.
    in_host
        The samples while their hosts were fixed; None if no chunk has got there.
    processes
        UUID and PK of the restoration of each host.
    """

    samples: StructureBatch
    hosts: StructureBatch
    in_host: StructureBatch | None
    processes: Mapping[int, tuple[str, int]]


def collect_campaign_samples(group: CampaignGroup) -> CampaignSamples | None:
    """Return the samples of all hosts of a campaign so far; None if there are none.

    A host that was restored more than once has the samples of the restoration that counts, see
    `read_campaign_state`.
    """
    known = [host for host in find_campaign_hosts(group).values() if host.state != WAITING]
    known.sort(key=lambda host: (host.process, host.host_index))
    numbers: dict[int, dict[int, int]] = {}
    for number, host in enumerate(known):
        numbers.setdefault(host.process, {})[host.host_index] = number
    ranked: list[StructureBatch] = []
    hosts: list[StructureBatch] = []
    fixed: list[StructureBatch] = []
    processes: dict[int, tuple[str, int]] = {}
    for process, number_of in numbers.items():
        node: Any = load_node(process)
        samples = get_samples(node)
        if samples is None:
            continue
        chosen = _choose_hosts(samples, number_of)
        ranked.append(replace(chosen, history=()) if ranked else chosen)
        hosts.append(_choose_hosts(replace(get_hosts(node), scalars={}), number_of))
        processes |= dict.fromkeys(number_of.values(), (node.uuid, process))
        in_host = get_samples_in_host(node)
        fixed += [] if in_host is None else [_choose_hosts(in_host, number_of)]
    if not ranked:
        return None
    joined = concatenate(hosts)
    labels = dict(zip(joined.host_indices.tolist(), make_distinct(joined.labels), strict=True))
    return CampaignSamples(
        _name_hosts(concatenate(fill_missing_scalars(ranked)), labels),
        _name_hosts(joined, labels),
        _name_hosts(concatenate(fill_missing_scalars(fixed)), labels) if fixed else None,
        processes,
    )


def _name_hosts(batch: StructureBatch, labels: Mapping[int, str]) -> StructureBatch:
    """Return structures with the labels of their hosts, which differ in different folders too."""
    return replace(batch, labels=tuple(labels[host] for host in batch.host_indices.tolist()))


def _choose_hosts(batch: StructureBatch, number_of: Mapping[int, int]) -> StructureBatch:
    """Return the structures of some hosts, with other indices of them."""
    hosts = batch.host_indices.tolist()
    rows = np.array([row for row, host in enumerate(hosts) if host in number_of], dtype=np.int64)
    renumbered = np.array([number_of[hosts[row]] for row in rows], dtype=np.int64)
    return batch[rows].with_scalars(host=renumbered)


def pick_candidates(restoration: ProcessNode, labels: Collection[str] = ()) -> list[StructureData]:
    """Return the lowest candidates of hosts as StructureData, with provenance.

    Restorations of campaigns make no StructureData; one calculation makes all that do not exist
    yet.

    Parameters
    ----------
    restoration
        Restoration; without samples there is nothing to pick.
    labels
        Labels of hosts, by default all. Hosts that the restoration does not have are left out.
    """
    outputs = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
    if not outputs:
        return []
    samples: Any = outputs[0]
    batch = samples.batch
    lowest = np.flatnonzero(find_answers(batch)).tolist()
    hosts = [
        int(batch.scalars["host"][row])
        for row in lowest
        if not labels or batch.labels[row] in labels
    ]
    query = QueryBuilder()
    query.append(Node, filters={"id": samples.pk}, tag="samples")
    filters = {"attributes.function_name": "pick_structures"}
    query.append(CalcFunctionNode, with_incoming="samples", filters=filters, tag="pick")
    query.append(StructureData, with_incoming="pick", project="*", edge_project="label")
    found = {label: node for node, label in query.all()}
    names = {host: f"host_{host:05d}" for host in hosts}
    missing = sorted(host for host in hosts if names[host] not in found)
    if missing:
        found |= pick_structures(samples, List(missing))
    note_structures(restoration, {host: found[names[host]].uuid for host in hosts})
    return [found[names[host]] for host in hosts]
