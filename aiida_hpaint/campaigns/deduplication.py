"""Hosts that this profile knows under a plan already: finished, running, waiting, or failed."""

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
"""A host whose restoration has begun, or is to begin, beside those that outcomes have."""

FINISHED = frozenset({RESTORED, WITHOUT})

NEVER_STARTED = "it was never begun: the process of the campaign ended before"
"""Reason of hosts whose turn did not come."""

_RANKS = {RESTORED: 2, WITHOUT: 1}


@dataclass(frozen=True)
class KnownHost:
    """What the profile knows of a host.

    Attributes
    ----------
    state
        RESTORED, WITHOUT (a candidate), FAILED, RUNNING or WAITING.
    process, host_index
        PK of the restoration (for WAITING, of the campaign's process), and the index of the host
        in it.
    reason
        Why it failed; empty where it did not.
    """

    state: str
    process: int
    host_index: int
    reason: str = ""


@dataclass(frozen=True)
class ProcessHosts:
    """A restoration, or a campaign's process, with its hosts.

    Attributes
    ----------
    pk, uuid
        Of the process.
    ended
        Whether it has.
    keys, sites
        Of its hosts, and how many sites they have together.
    times
        When it began, and when it last changed.
    plan
        Its `hash_plan`; None where it has not been worked out.
    outcomes
        Its note, see `workflows.outcomes`; None where there is none (yet).
    begun
        Whether its hosts are being restored, or wait for that.
    host_indices
        Which of its hosts count; None: all.
    """

    pk: int
    uuid: str
    ended: bool
    keys: list[str]
    sites: int
    times: tuple[datetime, datetime]
    plan: str | None
    outcomes: dict[str, Any] | None
    begun: bool = True
    host_indices: Sequence[int] | None = None

    def known(self) -> Iterator[tuple[str, KnownHost]]:
        """Its hosts by their keys."""
        host_indices = range(len(self.keys)) if self.host_indices is None else self.host_indices
        if self.outcomes is None:
            state, reason = self._as_one()
            for host_index in host_indices:
                yield self.keys[host_index], KnownHost(state, self.pk, host_index, reason)
            return
        states, reasons = self.outcomes["states"], self.outcomes["reasons"]
        for host_index in host_indices:
            found = KnownHost(
                states[host_index], self.pk, host_index, reasons.get(str(host_index), "")
            )
            yield self.keys[host_index], found

    def _as_one(self) -> tuple[str, str]:
        if self.begun:
            return RUNNING, ""
        return (FAILED, NEVER_STARTED) if self.ended else (WAITING, "")


def find_known_hosts(plan: str) -> dict[str, KnownHost]:
    """Hosts that a restoration has or had, or that wait for one, by their keys.

    Parameters
    ----------
    plan
        `hash_plan` of the settings and models.
    """
    controllers = [one for one in find_controllers_with_hosts() if not one.ended]
    found = [*add_plan_keys(controllers, "plan__"), *add_plan_keys(find_restorations_with_hosts())]
    return merge_known_hosts(one for one in found if one.plan == plan)


def merge_known_hosts(found: Iterable[ProcessHosts]) -> dict[str, KnownHost]:
    """What is known of each host: how it finished, if it did, or else what happened last."""
    known: dict[str, KnownHost] = {}
    for process in found:
        for key, one in process.known():
            if key not in known or _rank(one) >= _rank(known[key]):
                known[key] = one
    return known


def find_restorations_with_hosts(
    filters: dict[str, Any] | None = None, group: str | None = None
) -> list[ProcessHosts]:
    """Restorations with their hosts, the oldest first; of a campaign, if its UUID is given."""
    label = {"attributes.process_label": {"like": "WorkGraph<%"}}
    return _found(WorkflowNode, "graph_inputs__hosts", {**label, **(filters or {})}, group)


def find_controllers_with_hosts(campaign: str | None = None) -> list[ProcessHosts]:
    """Processes of campaigns with their hosts, the oldest first."""
    found = _found(WorkChainNode, "hosts", {"attributes.process_label": "CampaignWorkChain"})
    if campaign is None:
        return found
    ours = set(query_controllers(campaign, {}, "id").all(flat=True))
    return [one for one in found if one.pk in ours]


def add_plan_keys(
    found: list[ProcessHosts], prefix: str = "graph_inputs__plan__"
) -> list[ProcessHosts]:
    """The same with the keys of their plans, which are noted with those that had none."""
    lacking = [one.pk for one in found if one.plan is None]
    made = hash_plans(lacking, prefix) if lacking else {}
    for pk, key in made.items():
        load_node(pk).base.extras.set(PLAN, key)
    return [replace(one, plan=one.plan or made.get(one.pk)) for one in found]


def _found(
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
    hosts, keys, sites, pk, uuid, begun, changed, state, plan, outcomes = row
    ended = state in ENDED
    if keys is None:
        batch: Any = load_node(hosts)
        keys = get_host_keys(batch)
    if ended and outcomes is None and label != "hosts":
        process: Any = load_node(pk)
        record_outcomes(process)
        outcomes = process.base.extras.get(OUTCOMES)
    times = (begun, changed)
    return ProcessHosts(pk, uuid, ended, keys, sites, times, plan, outcomes, begun=label != "hosts")


def _rank(known: KnownHost) -> tuple[int, int]:
    # A chunk begins later than the process that has its hosts waiting.
    return _RANKS.get(known.state, 0), known.process
