"""Hosts that this profile knows under a plan already: finished, running, waiting, or failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiida.orm import Group, ProcessNode, QueryBuilder, WorkChainNode, WorkflowNode, load_node

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.controllers import ENDED, controllers_of
from aiida_hpaint.workflows.restore.outcomes import (
    FAILED,
    KEYS,
    OUTCOMES,
    PLAN,
    RESTORED,
    WITHOUT,
    keys_of,
    note_outcomes,
    plan_keys,
)

__all__ = [
    "FAILED",
    "FINISHED",
    "NEVER_BEGUN",
    "RESTORED",
    "RUNNING",
    "WAITING",
    "WITHOUT",
    "Found",
    "Known",
    "best",
    "find_controllers",
    "find_known",
    "find_restorations",
    "with_plans",
]

RUNNING, WAITING = "running", "waiting"
"""A host whose restoration has begun, or is to begin, beside those that outcomes have."""

FINISHED = frozenset({RESTORED, WITHOUT})

NEVER_BEGUN = "it was never begun: the process of the campaign ended before"
"""Reason of hosts whose turn did not come."""

_RANKS = {RESTORED: 2, WITHOUT: 1}


@dataclass(frozen=True)
class Known:
    """What the profile knows of a host.

    Attributes
    ----------
    state
        RESTORED, WITHOUT (a candidate), FAILED, RUNNING or WAITING.
    process, place
        PK of the restoration (for WAITING: of the campaign's process), and the host's place in it.
    reason
        Why it failed; empty where it did not.
    """

    state: str
    process: int
    place: int
    reason: str = ""


@dataclass(frozen=True)
class Found:
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
        Its `plan_key`; None where it has not been worked out.
    outcomes
        Its note, see `workflows.outcomes`; None where there is none (yet).
    begun
        Whether its hosts are being restored, or wait for that.
    places
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
    places: Sequence[int] | None = None

    def known(self) -> Iterator[tuple[str, Known]]:
        """Its hosts by their keys."""
        places = range(len(self.keys)) if self.places is None else self.places
        if self.outcomes is None:
            state, reason = self._as_one()
            for place in places:
                yield self.keys[place], Known(state, self.pk, place, reason)
            return
        states, reasons = self.outcomes["states"], self.outcomes["reasons"]
        for place in places:
            found = Known(states[place], self.pk, place, reasons.get(str(place), ""))
            yield self.keys[place], found

    def _as_one(self) -> tuple[str, str]:
        if self.begun:
            return RUNNING, ""
        return (FAILED, NEVER_BEGUN) if self.ended else (WAITING, "")


def find_known(plan: str) -> dict[str, Known]:
    """Hosts that a restoration has or had, or that wait for one, by their keys.

    Parameters
    ----------
    plan
        `plan_key` of the settings and models.
    """
    controllers = [one for one in find_controllers() if not one.ended]
    found = [*with_plans(controllers, "plan__"), *with_plans(find_restorations())]
    return best(one for one in found if one.plan == plan)


def best(found: Iterable[Found]) -> dict[str, Known]:
    """What is known of each host: how it finished, if it did, or else what happened last."""
    known: dict[str, Known] = {}
    for process in found:
        for key, one in process.known():
            if key not in known or _rank(one) >= _rank(known[key]):
                known[key] = one
    return known


def find_restorations(
    filters: dict[str, Any] | None = None, group: str | None = None
) -> list[Found]:
    """Restorations with their hosts, the oldest first; of a campaign, if its UUID is given."""
    label = {"attributes.process_label": {"like": "WorkGraph<%"}}
    return _found(WorkflowNode, "graph_inputs__hosts", {**label, **(filters or {})}, group)


def find_controllers(campaign: str | None = None) -> list[Found]:
    """Processes of campaigns with their hosts, the oldest first."""
    found = _found(WorkChainNode, "hosts", {"attributes.process_label": "CampaignWorkChain"})
    if campaign is None:
        return found
    ours = set(controllers_of(campaign, {}, "id").all(flat=True))
    return [one for one in found if one.pk in ours]


def with_plans(found: list[Found], prefix: str = "graph_inputs__plan__") -> list[Found]:
    """The same with the keys of their plans, which are noted with those that had none."""
    lacking = [one.pk for one in found if one.plan is None]
    made = plan_keys(lacking, prefix) if lacking else {}
    for pk, key in made.items():
        load_node(pk).base.extras.set(PLAN, key)
    return [replace(one, plan=one.plan or made.get(one.pk)) for one in found]


def _found(
    kind: type[ProcessNode], label: str, filters: dict[str, Any], group: str | None = None
) -> list[Found]:
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


def _read(row: list[Any], label: str) -> Found:
    hosts, keys, sites, pk, uuid, begun, changed, state, plan, outcomes = row
    ended = state in ENDED
    if keys is None:
        batch: Any = load_node(hosts)
        keys = keys_of(batch)
    if ended and outcomes is None and label != "hosts":
        process: Any = load_node(pk)
        note_outcomes(process)
        outcomes = process.base.extras.get(OUTCOMES)
    times = (begun, changed)
    return Found(pk, uuid, ended, keys, sites, times, plan, outcomes, begun=label != "hosts")


def _rank(known: Known) -> tuple[int, int]:
    # A chunk begins later than the process that has its hosts waiting.
    return _RANKS.get(known.state, 0), known.process
