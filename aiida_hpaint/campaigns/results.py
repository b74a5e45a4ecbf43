"""Results of a campaign: the samples of all chunks, and StructureData on request."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

from aiida_hpaint.calculations.ranking import pick_structures
from aiida_hpaint.campaigns.deduplication import WAITING, KnownHost
from aiida_hpaint.campaigns.group import CampaignGroup
from aiida_hpaint.campaigns.state import find_campaign_hosts
from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.report import Process
from aiida_hpaint.science.structures import StructureBatch, concatenate
from aiida_hpaint.science.structures.distinct_names import make_distinct
from aiida_hpaint.science.structures.joining import fill_missing_scalars
from aiida_hpaint.workflows.restore.job_counts import describe_process
from aiida_hpaint.workflows.restore.marks import note_structures
from aiida_hpaint.workflows.restore.progress import get_hosts, get_samples

__all__ = [
    "CampaignSamples",
    "collect_campaign_samples",
    "name_campaign_hosts",
    "pick_candidates",
    "pick_hosts",
]


@dataclass(frozen=True)
class CampaignSamples:
    """What a campaign has found so far; the scalar `host` is the index of the host in it.

    Attributes
    ----------
    samples
        Ranked samples; the history is that of the first chunk.
    hosts
        Their hosts, with what is known of their sources.
    processes
        What reports say of the restoration of each host.
    """

    samples: StructureBatch
    hosts: StructureBatch
    processes: Mapping[int, Process]


def collect_campaign_samples(group: CampaignGroup) -> CampaignSamples | None:
    """Return the samples of all hosts of a campaign so far; None if there are none.

    A host that was restored more than once has the samples of the restoration that counts, see
    `read_campaign_state`.
    """
    numbers: dict[int, dict[int, int]] = {}
    begun = _list_begun(group)
    for number, host in enumerate(begun):
        numbers.setdefault(host.process, {})[host.host_index] = number
    hosts_of = _read_hosts(begun)
    names = list(_name_begun(begun, hosts_of).values())
    ranked: list[StructureBatch] = []
    hosts: list[StructureBatch] = []
    processes: dict[int, Process] = {}
    for process, number_of in numbers.items():
        node: Any = load_node(process)
        samples = get_samples(node)
        if samples is None:
            continue
        chosen = _choose_hosts(samples, number_of)
        ranked.append(replace(chosen, history=()) if ranked else chosen)
        all_hosts = hosts_of[process]
        hosts.append(_choose_hosts(replace(all_hosts, scalars={}), number_of))
        process_of_hosts = describe_process(node)
        for index, label in _label_hosts(all_hosts).items():
            if index in number_of:
                processes[number_of[index]] = replace(process_of_hosts, host=label)
    if not ranked:
        return None
    return CampaignSamples(
        _name_hosts(concatenate(fill_missing_scalars(ranked)), names),
        _name_hosts(concatenate(hosts), names),
        processes,
    )


def name_campaign_hosts(group: CampaignGroup) -> dict[tuple[int, int], str]:
    """Return distinct names of the hosts of a campaign whose restoration has begun.

    Hosts of several submissions may have the same label, which then gets a number.

    Returns
    -------
    Names by the PK of the restoration and the index of the host in it, sorted by these.
    """
    begun = _list_begun(group)
    return _name_begun(begun, _read_hosts(begun))


def _list_begun(group: CampaignGroup) -> list[KnownHost]:
    known = [host for host in find_campaign_hosts(group).values() if host.state != WAITING]
    return sorted(known, key=lambda host: (host.process, host.host_index))


def _read_hosts(begun: Sequence[KnownHost]) -> dict[int, StructureBatch]:
    """Return the hosts of each restoration by its PK."""
    nodes: dict[int, Any] = {process: load_node(process) for process in {h.process for h in begun}}
    return {process: get_hosts(node) for process, node in nodes.items()}


def _name_begun(
    begun: Sequence[KnownHost], hosts_of: Mapping[int, StructureBatch]
) -> dict[tuple[int, int], str]:
    labels = {process: _label_hosts(hosts) for process, hosts in hosts_of.items()}
    names = make_distinct([labels[host.process][host.host_index] for host in begun])
    known = [(host.process, host.host_index) for host in begun]
    return dict(zip(known, names, strict=True))


def _label_hosts(hosts: StructureBatch) -> dict[int, str]:
    return dict(zip(hosts.host_indices.tolist(), hosts.labels, strict=True))


def _name_hosts(batch: StructureBatch, labels: Sequence[str]) -> StructureBatch:
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
    samples = _find_samples(restoration)
    if samples is None:
        return []
    named = zip(samples.batch.host_indices.tolist(), samples.batch.labels, strict=True)
    chosen = {host for host, label in named if not labels or label in labels}
    return list(pick_hosts(restoration, chosen).values())


def pick_hosts(
    restoration: ProcessNode, hosts: Collection[int] | None = None
) -> dict[int, StructureData]:
    """Return the lowest candidates of hosts by the indices of these; see `pick_candidates`.

    Parameters
    ----------
    hosts
        Indices of hosts in the restoration, by default all.
    """
    samples = _find_samples(restoration)
    if samples is None:
        return {}
    batch = samples.batch
    answers = batch.scalars["host"][find_answers(batch)].tolist()
    chosen = [host for host in answers if hosts is None or host in hosts]
    query = QueryBuilder()
    query.append(Node, filters={"id": samples.pk}, tag="samples")
    filters = {"attributes.function_name": "pick_structures"}
    query.append(CalcFunctionNode, with_incoming="samples", filters=filters, tag="pick")
    query.append(StructureData, with_incoming="pick", project="*", edge_project="label")
    found = {label: node for node, label in query.all()}
    names = {host: f"host_{host:05d}" for host in chosen}
    missing = sorted(host for host in chosen if names[host] not in found)
    if missing:
        found |= pick_structures(samples, List(missing))
    picked = {host: found[names[host]] for host in chosen}
    note_structures(restoration, {host: node.uuid for host, node in picked.items()})
    return picked


def _find_samples(restoration: ProcessNode) -> Any:
    """Return the node of all samples of a restoration; None if it has none."""
    outputs = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
    return outputs[0] if outputs else None
