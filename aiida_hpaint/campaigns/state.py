"""CampaignState: how far a campaign is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from aiida.orm import QueryBuilder, WorkflowNode

from aiida_hpaint.campaigns.active_jobs import ActiveJob, find_active_jobs
from aiida_hpaint.campaigns.deduplication import (
    FAILED,
    RESTORED,
    RUNNING,
    WAITING,
    WITHOUT,
    KnownHost,
    ProcessHosts,
    add_plan_keys,
    find_controllers_with_hosts,
    find_restorations_with_hosts,
    merge_known_hosts,
)
from aiida_hpaint.campaigns.group import CampaignGroup

__all__ = [
    "CampaignState",
    "FailureGroup",
    "find_campaign_hosts",
    "format_duration",
    "read_campaign_state",
]


@dataclass(frozen=True)
class FailureGroup:
    """Hosts that failed for one reason.

    Attributes
    ----------
    reason
        In words.
    hosts
        How many.
    processes
        PKs of their restorations.
    """

    reason: str
    hosts: int
    processes: tuple[int, ...]


@dataclass(frozen=True)
class CampaignState:
    """How far a campaign is.

    Attributes
    ----------
    name, pk
        Of the campaign and its group.
    restored, without, running, waiting
        Different hosts that have a candidate, honestly have none, are being restored, wait.
    failures
        Hosts whose jobs came to nothing, by reason, the commonest first.
    chunks, chunks_ended
        Restorations that have begun, and those that have ended.
    alive
        PKs of the processes that run the campaign.
    jobs
        Jobs that have not ended, and processes that are paused.
    seconds_left
        None where nothing runs or nothing has ended yet.
    basis
        What that is worked out from, in words; empty without it.
    """

    name: str
    pk: int
    restored: int
    without: int
    running: int
    waiting: int
    failures: tuple[FailureGroup, ...]
    chunks: int
    chunks_ended: int
    alive: tuple[int, ...]
    jobs: tuple[ActiveJob, ...]
    seconds_left: float | None
    basis: str

    @property
    def failed(self) -> int:
        """Hosts that failed, for whatever reason."""
        return sum(failure.hosts for failure in self.failures)

    @property
    def done(self) -> int:
        """Hosts that are finished."""
        return self.restored + self.without

    @property
    def total(self) -> int:
        """All hosts, each counted once."""
        return self.done + self.running + self.waiting + self.failed


def read_campaign_state(group: CampaignGroup, with_jobs: bool = True) -> CampaignState:
    """How far a campaign is: a handful of queries, whatever the number of hosts.

    Parameters
    ----------
    group
        The campaign.
    with_jobs
        Whether to look for its jobs, too.
    """
    controllers, restorations = _processes(group)
    known = list(merge_known_hosts([*controllers, *restorations, *_elsewhere(group)]).values())
    counts = dict.fromkeys((RESTORED, WITHOUT, RUNNING, WAITING), 0)
    for one in known:
        if one.state in counts:
            counts[one.state] += 1
    alive = [one for one in controllers if not one.ended]
    left, basis = _time_left(alive, restorations)
    roots = [one.pk for one in (*alive, *restorations) if not one.ended]
    return CampaignState(
        name=group.label,
        pk=group.pk or 0,
        restored=counts[RESTORED],
        without=counts[WITHOUT],
        running=counts[RUNNING],
        waiting=counts[WAITING],
        failures=_failures(known),
        chunks=len(restorations),
        chunks_ended=sum(one.ended for one in restorations),
        alive=tuple(one.pk for one in alive),
        jobs=tuple(find_active_jobs(roots)) if with_jobs and roots else (),
        seconds_left=left,
        basis=basis,
    )


def find_campaign_hosts(group: CampaignGroup) -> dict[str, KnownHost]:
    """What is known of each host of a campaign, under its latest settings, by its key."""
    controllers, restorations = _processes(group)
    return merge_known_hosts([*controllers, *restorations, *_elsewhere(group)])


def _processes(group: CampaignGroup) -> tuple[list[ProcessHosts], list[ProcessHosts]]:
    """Those of the latest settings: with others, all hosts are to be restored anew."""
    controllers = add_plan_keys(find_controllers_with_hosts(group.uuid), "plan__")
    restorations = add_plan_keys(find_restorations_with_hosts(group=group.uuid))
    plan = controllers[-1].plan if controllers else None
    if plan is None:
        return controllers, restorations
    return (
        [one for one in controllers if one.plan == plan],
        [one for one in restorations if one.plan == plan],
    )


def _elsewhere(group: CampaignGroup) -> list[ProcessHosts]:
    """Restorations outside of the campaign, with those of their hosts that belong to it."""
    host_indices = group.other_restorations
    if not host_indices:
        return []
    found = find_restorations_with_hosts({"uuid": {"in": list(host_indices)}})
    return [replace(one, host_indices=host_indices[one.uuid]) for one in found]


def _failures(known: Sequence[KnownHost]) -> tuple[FailureGroup, ...]:
    found: dict[str, list[KnownHost]] = {}
    for one in known:
        if one.state == FAILED:
            found.setdefault(one.reason, []).append(one)
    failures = [
        FailureGroup(reason, len(ones), tuple(sorted({one.process for one in ones})))
        for reason, ones in found.items()
    ]
    return tuple(sorted(failures, key=lambda failure: -failure.hosts))


def _time_left(
    alive: Sequence[ProcessHosts], restorations: Sequence[ProcessHosts]
) -> tuple[float | None, str]:
    """Sites to go over sites a second, since the first of what runs now began."""
    if not alive:
        return None, ""
    children = _children([one.pk for one in alive])
    ended = [one for one in restorations if one.ended and one.pk in children]
    done = sum(one.sites for one in ended)
    if not done:
        return None, ""
    seconds = (datetime.now(timezone.utc) - alive[0].times[0]).total_seconds()
    left = sum(one.sites for one in alive) - done
    return (
        left * seconds / done,
        f"{len(ended)} chunks with {done} sites in {format_duration(seconds)}",
    )


def _children(controllers: list[int]) -> set[int]:
    query = QueryBuilder()
    query.append(WorkflowNode, filters={"id": {"in": controllers}}, tag="controller")
    query.append(WorkflowNode, with_incoming="controller", project="id")
    return set(query.all(flat=True))


def format_duration(seconds: float) -> str:
    """A time in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
