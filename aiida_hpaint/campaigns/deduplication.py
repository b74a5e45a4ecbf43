"""Hosts that the profile already has a restoration of, with the same settings and models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiida.orm import Group, ProcessNode, QueryBuilder, WorkChainNode, WorkflowNode, load_node

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.controllers import ENDED, query_controllers
from aiida_hpaint.workflows.restore.deduplication import KEYS, PLAN, get_host_keys, hash_plans
from aiida_hpaint.workflows.restore.outcomes import (
    FAILED,
    OUTCOMES,
    RESTORED,
    WITHOUT,
    record_outcomes,
)

__all__ = [
    "FAILED",
    "FINISHED",
    "NEVER_STARTED",
    "RESTORED",
    "RUNNING",
    "WAITING",
    "WITHOUT",
    "KnownHost",
    "ProcessHosts",
    "add_plan_keys",
    "find_controllers_with_hosts",
    "find_known_hosts",
    "find_restorations_with_hosts",
    "merge_known_hosts",
]

RUNNING, WAITING = "running", "waiting"
"""States of hosts whose restoration has started, or is to start; the others are outcomes."""

FINISHED = frozenset({RESTORED, WITHOUT})

NEVER_STARTED = "it was never started: the process of the campaign ended before"
"""Failure of hosts whose chunk was not submitted."""

_RANKS = {RESTORED: 2, WITHOUT: 1}


@dataclass(frozen=True)
class KnownHost:
    """State of a host that the profile knows.

    Attributes
    ----------
    state
        RESTORED, WITHOUT (a candidate), FAILED, RUNNING or WAITING.
    process, host_index
        PK of the restoration (for WAITING, of the campaign's process), and the index of the host
        in it.
    reason
        Reason of a failure; otherwise empty.
    """

    state: str
    process: int
    host_index: int
    reason: str = ""


@dataclass(frozen=True)
class ProcessHosts:
    """A restoration, or a process that runs a campaign (a controller), with its hosts.

    Attributes
    ----------
    pk, uuid
        PK and UUID of the process.
    has_ended
        Whether the process has ended.
    keys, sites
        Hash of each host, and number of sites of all hosts.
    times
        Times of creation and of the last change.
    plan
        `hash_plan` of its settings and models; None before it is computed.
    outcomes
        Outcomes of its hosts, see `workflows.restore.outcomes`; None before the process has ended.
    is_restoration
        Whether its hosts are being restored, or (controllers) wait for that.
    host_indices
        Indices of the hosts that count; None for all.
    """

    pk: int
    uuid: str
    has_ended: bool
    keys: list[str]
    sites: int
    times: tuple[datetime, datetime]
    plan: str | None
    outcomes: dict[str, Any] | None
    is_restoration: bool = True
    host_indices: Sequence[int] | None = None

    def read_hosts(self) -> Iterator[tuple[str, KnownHost]]:
        """Yield key and state of each host that counts."""
        host_indices = range(len(self.keys)) if self.host_indices is None else self.host_indices
        if self.outcomes is None:
            state, reason = RUNNING, ""
            if not self.is_restoration:
                state, reason = (FAILED, NEVER_STARTED) if self.has_ended else (WAITING, "")
            for host_index in host_indices:
                yield self.keys[host_index], KnownHost(state, self.pk, host_index, reason)
            return
        states, reasons = self.outcomes["states"], self.outcomes["reasons"]
        for host_index in host_indices:
            found = KnownHost(
                states[host_index], self.pk, host_index, reasons.get(str(host_index), "")
            )
            yield self.keys[host_index], found


def find_known_hosts(plan: str) -> dict[str, KnownHost]:
    """Return the hosts that have, had or wait for a restoration, by key.

    Parameters
    ----------
    plan
        `hash_plan` of the settings and models.
    """
    controllers = [one for one in find_controllers_with_hosts() if not one.has_ended]
    found = [*add_plan_keys(controllers, "plan__"), *add_plan_keys(find_restorations_with_hosts())]
    return merge_known_hosts(one for one in found if one.plan == plan)


def merge_known_hosts(found: Iterable[ProcessHosts]) -> dict[str, KnownHost]:
    """Return one state for each host: the result if it has one, otherwise the latest state.

    Of several results, a candidate counts more than none, and then the latest counts.
    """
    known: dict[str, KnownHost] = {}
    for process in found:
        for key, one in process.read_hosts():
            if key not in known or _rank(one) >= _rank(known[key]):
                known[key] = one
    return known


def find_restorations_with_hosts(
    filters: dict[str, Any] | None = None, group: str | None = None
) -> list[ProcessHosts]:
    """Return restorations with their hosts, the oldest first.

    Parameters
    ----------
    filters
        Filters of the QueryBuilder for the processes.
    group
        UUID of a campaign whose restorations are returned; by default all.
    """
    label = {"attributes.process_label": {"like": "WorkGraph<%"}}
    return _query(WorkflowNode, "graph_inputs__hosts", {**label, **(filters or {})}, group)


def find_controllers_with_hosts(campaign: str | None = None) -> list[ProcessHosts]:
    """Return the processes that run campaigns with their hosts, the oldest first."""
    found = _query(WorkChainNode, "hosts", {"attributes.process_label": "CampaignWorkChain"})
    if campaign is None:
        return found
    ours = set(query_controllers(campaign, {}, "id").all(flat=True))
    return [one for one in found if one.pk in ours]


def add_plan_keys(
    found: list[ProcessHosts], prefix: str = "graph_inputs__plan__"
) -> list[ProcessHosts]:
    """Return the same processes, all with `plan`; new keys are stored as extras of the nodes."""
    lacking = [one.pk for one in found if one.plan is None]
    made = hash_plans(lacking, prefix) if lacking else {}
    for pk, key in made.items():
        load_node(pk).base.extras.set(PLAN, key)
    return [replace(one, plan=one.plan or made.get(one.pk)) for one in found]


def _query(
    kind: type[ProcessNode], label: str, filters: dict[str, Any], group: str | None = None
) -> list[ProcessHosts]:
    query = QueryBuilder()
    of_hosts = ["id", f"extras.{KEYS}", "attributes.n_sites"]
    query.append(StructureBatchData, project=of_hosts, tag="hosts")
    columns = ["id", "uuid", "ctime", "mtime", "attributes.process_state"]
    columns += [f"extras.{PLAN}", f"extras.{OUTCOMES}"]
    query.append(
        kind,
        with_incoming="hosts",
        edge_filters={"label": label},
        filters=filters,
        project=columns,
        tag="process",
    )
    if group is not None:
        query.append(Group, with_node="process", filters={"uuid": group})
    rows: Iterable[Any] = query.order_by({"process": "id"}).all()
    return [_read(row, label) for row in rows]


def _read(row: list[Any], label: str) -> ProcessHosts:
    hosts, keys, sites, pk, uuid, created, changed, state, plan, outcomes = row
    has_ended = state in ENDED
    if keys is None:
        batch: Any = load_node(hosts)
        keys = get_host_keys(batch)
    if has_ended and outcomes is None and label != "hosts":
        process: Any = load_node(pk)
        record_outcomes(process)
        outcomes = process.base.extras.get(OUTCOMES)
    times = (created, changed)
    return ProcessHosts(pk, uuid, has_ended, keys, sites, times, plan, outcomes, label != "hosts")


def _rank(known: KnownHost) -> tuple[int, int]:
    # The PK of a chunk is higher than that of the controller in which its hosts waited.
    return _RANKS.get(known.state, 0), known.process
