"""What reports say of the jobs of a restoration: how many, and why more than one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiida.orm import ProcessNode

from aiida_hpaint.science.recipe import find_stage
from aiida_hpaint.workflows.restore.progress import (
    StageState,
    explain_separate_jobs,
    list_stage_states,
    read_planned,
)

if TYPE_CHECKING:
    from aiida_hpaint.science.report import Process

__all__ = ["count_jobs", "describe_process", "describe_separate", "describe_separate_jobs"]


def describe_process(restoration: ProcessNode, is_local: bool = True) -> Process:
    """Return what a report says of the process of a restoration.

    Parameters
    ----------
    is_local
        Whether the report is for the profile of the process, where PKs mean something.
    """
    # Submissions ask for separate jobs alone.
    from aiida_hpaint.science.report import Process

    states = list_stage_states(restoration)
    return Process(
        restoration.uuid,
        restoration.pk if is_local else None,
        jobs=count_jobs(states),
        separate=tuple(describe_separate_jobs(restoration, states)),
    )


def count_jobs(states: Sequence[StageState]) -> int:
    """Return the number of jobs that stages have submitted, those that failed included."""
    return sum(int(one.report.get("jobs", 0)) for one in states if one.report is not None)


def describe_separate_jobs(restoration: ProcessNode, states: Sequence[StageState]) -> list[str]:
    """Say which stages have jobs of their own although one job was possible or was begun.

    Nothing is said where inputs are missing, as they may be in an archive.
    """
    inputs = restoration.inputs.graph_inputs
    if not all(hasattr(inputs, name) for name in ("plan", "chunks")):
        return []
    return [
        describe_separate(*case)
        for case in explain_separate_jobs(read_planned(restoration), states)
    ]


def describe_separate(chunk: str | None, stages: Sequence[str], reason: str) -> str:
    """Say in a sentence why stages have jobs of their own; see `explain_separate_jobs`."""
    if chunk is None:
        return f"Each stage has jobs of its own: {reason}."
    titles = ", ".join(find_stage(stage).title for stage in stages)
    why = reason.rstrip(".")
    return f"{chunk}: not in one job, but in jobs of their own: {titles}. Reason: {why}."
