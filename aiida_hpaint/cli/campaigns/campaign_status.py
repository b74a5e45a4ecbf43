"""How far a campaign is, on the screen."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from aiida_hpaint.cli.campaigns.advice import give_advice
from aiida_hpaint.science.structures.names import quoted

if TYPE_CHECKING:
    from aiida_hpaint.campaigns.group import CampaignGroup
    from aiida_hpaint.campaigns.jobs import Job
    from aiida_hpaint.campaigns.state import CampaignState, Failure

BAR = 40
"""Characters of a progress bar."""

SHOWN = 8
"""Reasons and jobs that are shown; the others are counted."""


def list_campaigns() -> bool:
    """Print a table of all campaigns; whether there are any."""
    from rich.table import Table

    from aiida_hpaint.campaigns.group import list_campaigns as find
    from aiida_hpaint.campaigns.state import campaign_state
    from aiida_hpaint.cli.console import make_console

    groups = find()
    if not groups:
        return False
    table = Table("campaign", "hosts", "done", "running", "waiting", "failed", "state")
    for group in groups:
        state = campaign_state(group, with_jobs=False)
        counts = (state.total, state.done, state.running, state.waiting, state.failed)
        table.add_row(group.label, *map(str, counts), _running(state))
    make_console().print(table)
    return True


def show_campaign(group: CampaignGroup) -> CampaignState:
    """Print how far a campaign is, once."""
    from aiida_hpaint.campaigns.state import campaign_state

    state = campaign_state(group)
    click.echo("\n".join(describe_campaign(state)))
    return state


def watch_campaign(group: CampaignGroup, interval: float = 5.0) -> None:
    """Print it again and again until nothing runs any more; Ctrl-C ends the watching alone."""
    from aiida_hpaint.campaigns.state import campaign_state

    before = 0
    while True:
        state = campaign_state(group)
        lines = [line[: _width()] for line in describe_campaign(state)]
        if sys.stdout.isatty() and before:
            click.echo(f"\x1b[{before}F\x1b[J", nl=False)
        click.echo("\n".join(lines))
        before = len(lines)
        if not state.alive:
            return
        try:
            time.sleep(interval)
        except KeyboardInterrupt:
            click.echo(f"It goes on: aiida-hpaint status {quoted(state.name)}")
            return


def describe_campaign(state: CampaignState) -> list[str]:
    """How far a campaign is, in lines."""
    percent = 100 * state.done / max(1, state.total)
    lines = [
        f"Campaign {state.name}: {_running(state)}",
        f"  {draw_bar(state)} {percent:.0f} %",
        f"  hosts    {state.total}: {state.restored} restored, {state.without} without a candidate,"
        f" {state.running} running, {state.waiting} waiting, {state.failed} failed",
        f"  chunks   {state.chunks_ended} of {state.chunks} that have begun have ended",
    ]
    if state.jobs:
        lines.append(f"  jobs     {_counted(state.jobs)}")
    if state.seconds_left is not None:
        from aiida_hpaint.campaigns.state import span

        lines.append(f"  left     {span(state.seconds_left)}, by {state.basis}")
    lines += [line for job in state.jobs[:SHOWN] for line in _paused(job)]
    lines += _failures(state)
    return [*lines, *_next(state)]


def draw_bar(state: CampaignState) -> str:
    """Restored and without a candidate as #, failed as x, running as -, waiting as a dot."""
    counts = (state.done, state.failed, state.running, state.waiting)
    drawn, total, before = "", max(1, state.total), 0
    for sign, count in zip("#x-.", counts, strict=True):
        before += count
        drawn += sign * (round(BAR * before / total) - len(drawn))
    return f"[{drawn:<{BAR}}]"


def _failures(state: CampaignState) -> list[str]:
    lines = []
    for failure in state.failures[:SHOWN]:
        lines.append(f"  failed   {failure.hosts} hosts: {failure.reason}")
        lines.append(f"           {give_advice(failure.reason)}; {_report(failure)}")
    more = len(state.failures) - SHOWN
    return [*lines, f"  failed   for {more} more reasons"] if more > 0 else lines


def _report(failure: Failure) -> str:
    pks = [str(pk) for pk in failure.processes]
    more = f" (and {len(pks) - 1} more)" if len(pks) > 1 else ""
    return f"`verdi process report {pks[0]}`{more} says more"


def _paused(job: Job) -> list[str]:
    if job.state != "paused":
        return []
    return [
        f"  paused   {job.label} {job.pk} ({job.status}): `verdi process play {job.pk}`",
    ]


def _next(state: CampaignState) -> list[str]:
    """What to do now."""
    if state.failed and not state.alive:
        return ["Submit it again to restore the hosts that failed: aiida-hpaint submit FILE.yaml"]
    if state.done and not state.alive:
        return [f"What was found: aiida-hpaint results {quoted(state.name)}"]
    return []


def _running(state: CampaignState) -> str:
    if not state.alive:
        return "finished" if not state.failed else "ended, with failures"
    return f"running (node {', '.join(map(str, state.alive))})"


def _counted(jobs: Sequence[Job]) -> str:
    states = [job.state for job in jobs]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _width() -> int:
    return shutil.get_terminal_size((200, 24)).columns
