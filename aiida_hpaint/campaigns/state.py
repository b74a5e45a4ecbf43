"""CampaignState: how far a campaign is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from aiida.orm import QueryBuilder, WorkflowNode

from aiida_hpaint.campaigns.group import CampaignGroup
from aiida_hpaint.campaigns.jobs import Job, jobs_below
from aiida_hpaint.campaigns.known import (
    FAILED,
    RESTORED,
    RUNNING,
    WAITING,
    WITHOUT,
    Found,
    Known,
    best,
    find_controllers,
    find_restorations,
    with_plans,
)

__all__ = ["CampaignState", "Failure", "campaign_hosts", "campaign_state", "span"]


@dataclass(frozen=True)
class Failure:
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
    failures: tuple[Failure, ...]
    chunks: int
    chunks_ended: int
    alive: tuple[int, ...]
    jobs: tuple[Job, ...]
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


def campaign_state(group: CampaignGroup, with_jobs: bool = True) -> CampaignState:
    """How far a campaign is: a handful of queries, whatever the number of hosts.

    Parameters
    ----------
    group
        The campaign.
    with_jobs
        Whether to look for its jobs, too.
    """
    controllers, restorations = _processes(group)
    known = list(best([*controllers, *restorations, *_elsewhere(group)]).values())
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
        jobs=tuple(jobs_below(roots)) if with_jobs and roots else (),
        seconds_left=left,
        basis=basis,
    )


def campaign_hosts(group: CampaignGroup) -> dict[str, Known]:
    """What is known of each host of a campaign, under its latest settings, by its key."""
    controllers, restorations = _processes(group)
    return best([*controllers, *restorations, *_elsewhere(group)])


def _processes(group: CampaignGroup) -> tuple[list[Found], list[Found]]:
    """Those of the latest settings: with others, all hosts are to be restored anew."""
    controllers = with_plans(find_controllers(group.uuid), "plan__")
    restorations = with_plans(find_restorations(group=group.uuid))
    plan = controllers[-1].plan if controllers else None
    if plan is None:
        return controllers, restorations
    return (
        [one for one in controllers if one.plan == plan],
        [one for one in restorations if one.plan == plan],
    )


def _elsewhere(group: CampaignGroup) -> list[Found]:
    """Restorations outside of the campaign, with those of their hosts that belong to it."""
    places = group.elsewhere
    if not places:
        return []
    found = find_restorations({"uuid": {"in": list(places)}})
    return [replace(one, places=places[one.uuid]) for one in found]


def _failures(known: Sequence[Known]) -> tuple[Failure, ...]:
    found: dict[str, list[Known]] = {}
    for one in known:
        if one.state == FAILED:
            found.setdefault(one.reason, []).append(one)
    failures = [
        Failure(reason, len(ones), tuple(sorted({one.process for one in ones})))
        for reason, ones in found.items()
    ]
    return tuple(sorted(failures, key=lambda failure: -failure.hosts))


def _time_left(alive: Sequence[Found], restorations: Sequence[Found]) -> tuple[float | None, str]:
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
    return left * seconds / done, f"{len(ended)} chunks with {done} sites in {span(seconds)}"


def _children(controllers: list[int]) -> set[int]:
    query = QueryBuilder()
    query.append(WorkflowNode, filters={"id": {"in": controllers}}, tag="controller")
    query.append(WorkflowNode, with_incoming="controller", project="id")
    return set(query.all(flat=True))


def span(seconds: float) -> str:
    """A time in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
