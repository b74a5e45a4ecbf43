"""CampaignState: the progress of a campaign."""

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
from aiida_hpaint.science.wording import format_count

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
        Text of the error.
    hosts
        Number of hosts.
    processes
        PKs of their restorations.
    """

    reason: str
    hosts: int
    processes: tuple[int, ...]


@dataclass(frozen=True)
class CampaignState:
    """The progress of a campaign.

    Attributes
    ----------
    name, pk
        Name of the campaign, and PK of its group.
    restored, without, running, waiting
        Numbers of different hosts that have a candidate, have none although their jobs succeeded,
        are being restored, or wait.
    failures
        Hosts whose jobs failed, by reason, the most frequent first.
    chunks, chunks_ended
        Numbers of restorations that have started, and of those that have ended.
    alive
        PKs of the processes that run the campaign.
    jobs
        Jobs that have not ended, and paused processes.
    seconds_left
        Estimate of the remaining time; None if nothing runs, or no chunk has ended yet.
    basis
        Text that says what the estimate is based on; empty without an estimate.
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
        """Number of hosts that failed for any reason."""
        return sum(failure.hosts for failure in self.failures)

    @property
    def done(self) -> int:
        """Number of hosts that are finished."""
        return self.restored + self.without

    @property
    def total(self) -> int:
        """Number of different hosts."""
        return self.done + self.running + self.waiting + self.failed


def read_campaign_state(group: CampaignGroup, with_jobs: bool = True) -> CampaignState:
    """Return the progress of a campaign; the number of queries does not depend on that of hosts.

    Parameters
    ----------
    group
        The campaign.
    with_jobs
        Whether its active jobs are searched.
    """
    controllers, restorations = _find_processes(group)
    found = [*controllers, *restorations, *_find_other_restorations(group)]
    known = list(merge_known_hosts(found).values())
    counts = dict.fromkeys((RESTORED, WITHOUT, RUNNING, WAITING), 0)
    for one in known:
        if one.state in counts:
            counts[one.state] += 1
    alive = [one for one in controllers if not one.has_ended]
    left, basis = _estimate_time_left(alive, restorations)
    roots = [one.pk for one in (*alive, *restorations) if not one.has_ended]
    return CampaignState(
        name=group.label,
        pk=group.pk or 0,
        restored=counts[RESTORED],
        without=counts[WITHOUT],
        running=counts[RUNNING],
        waiting=counts[WAITING],
        failures=_group_failures(known),
        chunks=len(restorations),
        chunks_ended=sum(one.has_ended for one in restorations),
        alive=tuple(one.pk for one in alive),
        jobs=tuple(find_active_jobs(roots)) if with_jobs and roots else (),
        seconds_left=left,
        basis=basis,
    )


def find_campaign_hosts(group: CampaignGroup) -> dict[str, KnownHost]:
    """Return the state of each host of a campaign with its latest settings, by key."""
    controllers, restorations = _find_processes(group)
    return merge_known_hosts([*controllers, *restorations, *_find_other_restorations(group)])


def _find_processes(group: CampaignGroup) -> tuple[list[ProcessHosts], list[ProcessHosts]]:
    """Return controllers and restorations with the latest settings of the campaign.

    Results with earlier settings do not count: with new settings all hosts are restored again.
    """
    controllers = add_plan_keys(find_controllers_with_hosts(group.uuid), "plan__")
    restorations = add_plan_keys(find_restorations_with_hosts(group=group.uuid))
    plan = controllers[-1].plan if controllers else None
    if plan is None:
        return controllers, restorations
    return (
        [one for one in controllers if one.plan == plan],
        [one for one in restorations if one.plan == plan],
    )


def _find_other_restorations(group: CampaignGroup) -> list[ProcessHosts]:
    """Return the restorations outside of the campaign that have results of its hosts."""
    host_indices = group.other_restorations
    if not host_indices:
        return []
    found = find_restorations_with_hosts({"uuid": {"in": list(host_indices)}})
    return [replace(one, host_indices=host_indices[one.uuid]) for one in found]


def _group_failures(known: Sequence[KnownHost]) -> tuple[FailureGroup, ...]:
    found: dict[str, list[KnownHost]] = {}
    for one in known:
        if one.state == FAILED:
            found.setdefault(one.reason, []).append(one)
    failures = [
        FailureGroup(reason, len(ones), tuple(sorted({one.process for one in ones})))
        for reason, ones in found.items()
    ]
    return tuple(sorted(failures, key=lambda failure: -failure.hosts))


def _estimate_time_left(
    alive: Sequence[ProcessHosts], restorations: Sequence[ProcessHosts]
) -> tuple[float | None, str]:
    """Estimate the remaining time from the sites per second since the first controller started."""
    if not alive:
        return None, ""
    query = QueryBuilder()
    query.append(WorkflowNode, filters={"id": {"in": [one.pk for one in alive]}}, tag="controller")
    query.append(WorkflowNode, with_incoming="controller", project="id")
    children = set(query.all(flat=True))
    ended = [one for one in restorations if one.has_ended and one.pk in children]
    done = sum(one.sites for one in ended)
    if not done:
        return None, ""
    seconds = (datetime.now(timezone.utc) - alive[0].times[0]).total_seconds()
    left = sum(one.sites for one in alive) - done
    return (
        left * seconds / done,
        f"{format_count(len(ended), 'chunk')} with {done} sites in {format_duration(seconds)}",
    )


def format_duration(seconds: float) -> str:
    """Return a time as text, such as "2 h 05 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
