"""Jobs and paused processes below a campaign, at any depth: found from the jobs upwards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from aiida.orm import ProcessNode, QueryBuilder, WorkflowNode

from aiida_hpaint.workflows.controllers import ENDED

__all__ = ["ActiveJob", "find_active_jobs"]

_CALCJOB = "process.calculation.calcjob."
_DEEPEST = 12


@dataclass(frozen=True)
class ActiveJob:
    """A job that has not ended, or a process that is paused.

    Attributes
    ----------
    pk, label
        Of the process.
    state
        "running", "queued", "paused", or "on its way" (to the computer or back).
    status
        What AiiDA says of it; why it is paused.
    """

    pk: int
    label: str
    state: str
    status: str


def find_active_jobs(roots: Collection[int]) -> list[ActiveJob]:
    """Jobs that have not ended and processes that are paused, below or among processes.

    Few jobs are alive at once, however large the campaign: from each it is some steps upwards.
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
            "node_type",
            "attributes.process_label",
            "attributes.paused",
            "attributes.process_status",
            "attributes.scheduler_state",
        ],
        tag="process",
    )
    rows = query.order_by({"process": "id"}).all()
    ours = _below({row[0] for row in rows}, set(roots))
    return [_job(*row) for row in rows if row[0] in ours]


def _below(processes: set[int], roots: set[int]) -> set[int]:
    """Those that one of the roots has called, directly or not."""
    tops = {pk: pk for pk in processes}
    ours = processes & roots
    for _ in range(_DEEPEST):
        left = {top for pk, top in tops.items() if pk not in ours}
        if not left:
            break
        callers = _callers(left)
        tops = {pk: callers[top] for pk, top in tops.items() if pk not in ours and top in callers}
        ours |= {pk for pk, top in tops.items() if top in roots}
    return ours


def _callers(processes: set[int]) -> dict[int, int]:
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": {"in": list(processes)}}, project="id", tag="called")
    query.append(WorkflowNode, with_outgoing="called", project="id")
    return dict(query.all())


def _job(
    pk: int, kind: str, label: str, paused: bool | None, status: str | None, scheduler: str | None
) -> ActiveJob:
    state = {"running": "running", "queued": "queued"}.get(scheduler or "", "on its way")
    return ActiveJob(pk, label, "paused" if paused else state, status or "")
