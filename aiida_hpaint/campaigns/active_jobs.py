"""Active jobs and paused processes of a campaign, at any depth below its processes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from aiida.orm import ProcessNode, QueryBuilder, WorkflowNode

from aiida_hpaint.workflows.controllers import ENDED

__all__ = ["ActiveJob", "find_active_jobs"]

_CALCJOB = "process.calculation.calcjob."
_MAX_DEPTH = 12


@dataclass(frozen=True)
class ActiveJob:
    """A job that has not ended, or a paused process.

    Attributes
    ----------
    pk, label
        PK and label of the process.
    state
        "running", "queued", "paused", or "on its way" (to the computer or back).
    status
        Message of AiiDA, such as the reason of a pause.
    """

    pk: int
    label: str
    state: str
    status: str


def find_active_jobs(roots: Collection[int]) -> list[ActiveJob]:
    """Return the jobs that have not ended and the paused processes, below or among processes.

    The search starts from the active jobs, which are few however large a campaign is, and follows
    their callers upwards.
    """
    query = QueryBuilder()
    jobs = {"node_type": {"like": f"{_CALCJOB}%"}}
    query.append(
        ProcessNode,
        filters={
            "attributes.process_state": {"!in": ENDED},
            "or": [jobs, {"attributes.paused": True}],
        },
        project=[
            "id",
            "attributes.process_label",
            "attributes.paused",
            "attributes.process_status",
            "attributes.scheduler_state",
        ],
        tag="process",
    )
    rows = query.order_by({"process": "id"}).all()
    below = _find_below({row[0] for row in rows}, set(roots))
    found = []
    for pk, label, is_paused, status, scheduler in rows:
        if pk in below:
            state = scheduler if scheduler in ("running", "queued") else "on its way"
            found.append(ActiveJob(pk, label, "paused" if is_paused else state, status or ""))
    return found


def _find_below(processes: set[int], roots: set[int]) -> set[int]:
    """Return the processes that are roots or that a root has called, directly or not."""
    tops = {pk: pk for pk in processes}
    below = processes & roots
    for _ in range(_MAX_DEPTH):
        left = {top for pk, top in tops.items() if pk not in below}
        if not left:
            break
        query = QueryBuilder()
        query.append(ProcessNode, filters={"id": {"in": list(left)}}, project="id", tag="called")
        query.append(WorkflowNode, with_outgoing="called", project="id")
        callers = dict(query.all())
        tops = {pk: callers[top] for pk, top in tops.items() if pk not in below and top in callers}
        below |= {pk for pk, top in tops.items() if top in roots}
    return below
