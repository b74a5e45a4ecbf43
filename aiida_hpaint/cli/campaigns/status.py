"""aiida-hpaint status: progress of campaigns and restorations."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.campaigns.advice import give_advice
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_work
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.campaigns.group import CampaignGroup
    from aiida_hpaint.campaigns.state import CampaignState, FailureGroup

_HELP = """Show the progress of campaigns and restorations.

For a campaign: the numbers of hosts that are done, running, waiting and failed, the reason of each
failure and what to do about it, the jobs (also those that AiiDA has paused), and the time left.

\b
Examples:
  aiida-hpaint status               all campaigns, last ten restorations
  aiida-hpaint status NAME          a campaign
  aiida-hpaint status NAME --watch  a campaign, until it ends
  aiida-hpaint status PK            a restoration, stage by stage
"""

BAR = 40
"""Characters of a progress bar."""

_SHOWN = 8
"""Failures and jobs that are listed; the others are counted."""


@click.command(cls=Command, help=_HELP)
@click.argument("pk", required=False, metavar="[NAME|PK]", shell_complete=complete_work)
@click.option("--watch", is_flag=True, help="Follow a campaign until it ends.")
@options.add_json_option
@click.pass_obj
def status(obj: dict[str, Any], pk: str | None, watch: bool, as_json: bool) -> None:
    """Show the progress of campaigns and restorations."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.campaigns.results import find_restoration
    from aiida_hpaint.cli.console import echo_json, silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.campaigns.group import find_campaign
    from aiida_hpaint.campaigns.state import read_campaign_state

    _warn_about_daemon()
    group = None if pk is None else find_campaign(pk)
    if watch and as_json:
        raise click.UsageError("give --watch or --json, not both")
    if watch and group is None:
        raise click.UsageError("--watch follows a campaign: give its name")
    if as_json:
        echo_json(_read_json(pk, group))
    elif group is not None and watch:
        watch_campaign(group)
    elif group is not None:
        click.echo("\n".join(describe_campaign(read_campaign_state(group))))
    elif pk is not None:
        _show_stages(find_restoration(pk))
    else:
        has_campaigns, has_restorations = _list_campaigns(), _list_restorations()
        if not (has_campaigns or has_restorations):
            click.echo("There is no restoration yet: aiida-hpaint restore host.cif")


def _read_json(identifier: str | None, group: CampaignGroup | None) -> dict[str, Any]:
    """Return the state of a campaign, of a restoration, or of all, as values of JSON."""
    from aiida_hpaint.campaigns.state import read_campaign_state
    from aiida_hpaint.cli.campaigns import status_json
    from aiida_hpaint.cli.campaigns.results import find_restoration

    if group is not None:
        return status_json.read_campaign(read_campaign_state(group))
    if identifier is not None:
        return status_json.read_restoration(find_restoration(identifier))
    return status_json.list_work()


def watch_campaign(group: CampaignGroup, interval: float = 5.0) -> None:
    """Print the progress of a campaign until nothing runs; Ctrl-C ends only the watching."""
    from aiida_hpaint.campaigns.state import read_campaign_state
    from aiida_hpaint.science.structures.safe_text import quote_for_shell

    n_printed = 0
    while True:
        state = read_campaign_state(group)
        width = shutil.get_terminal_size((200, 24)).columns
        lines = [line[:width] for line in describe_campaign(state)]
        if sys.stdout.isatty() and n_printed:
            # Move the cursor up to the last output, and clear from there to the end.
            click.echo(f"\x1b[{n_printed}F\x1b[J", nl=False)
        click.echo("\n".join(lines))
        n_printed = len(lines)
        if not state.alive:
            return
        try:
            time.sleep(interval)
        except KeyboardInterrupt:
            click.echo(
                f"The campaign is still running: aiida-hpaint status {quote_for_shell(state.name)}"
            )
            return


def describe_campaign(state: CampaignState) -> list[str]:
    """Return the progress of a campaign as lines of text, with what to do next."""
    from aiida_hpaint.campaigns.state import format_duration
    from aiida_hpaint.science.structures.safe_text import quote_for_shell

    percent = 100 * state.done / max(1, state.total)
    lines = [
        f"Campaign {state.name}: {_describe_processes(state)}",
        f"  {draw_bar(state)} {percent:.0f} %",
        f"  hosts    {state.total}: {state.restored} restored, {state.without} without a candidate,"
        f" {state.running} running, {state.waiting} waiting, {state.failed} failed",
        f"  chunks   {state.chunks} begun, {state.chunks_ended} of them ended",
    ]
    if state.jobs:
        states = [job.state for job in state.jobs]
        counts = (f"{states.count(one)} {one}" for one in dict.fromkeys(states))
        lines.append(f"  jobs     {', '.join(counts)}")
    if state.seconds_left is not None:
        lines.append(f"  left     {format_duration(state.seconds_left)}, by {state.basis}")
    lines += [
        f"  paused   {job.label} {job.pk} ({job.status}): `verdi process play {job.pk}`"
        for job in state.jobs[:_SHOWN]
        if job.state == "paused"
    ]
    lines += [line for failure in state.failures[:_SHOWN] for line in _describe_failure(failure)]
    if len(state.failures) > _SHOWN:
        lines.append(f"  failed   for {len(state.failures) - _SHOWN} more reasons")
    if state.failed and not state.alive:
        lines.append("Submit again to restore the failed hosts: aiida-hpaint submit FILE.yaml")
    elif state.done and not state.alive:
        lines.append(f"Get the results: aiida-hpaint results {quote_for_shell(state.name)}")
    return lines


def draw_bar(state: CampaignState) -> str:
    """Draw hosts that are done as #, failed as x, running as -, and waiting as dots."""
    counts = (state.done, state.failed, state.running, state.waiting)
    drawn, total, before = "", max(1, state.total), 0
    for sign, count in zip("#x-.", counts, strict=True):
        before += count
        drawn += sign * (round(BAR * before / total) - len(drawn))
    return f"[{drawn:<{BAR}}]"


def _describe_failure(failure: FailureGroup) -> list[str]:
    pks = failure.processes
    more = f" (and {len(pks) - 1} more)" if len(pks) > 1 else ""
    return [
        f"  failed   {format_count(failure.hosts, 'host')}: {failure.reason}",
        f"           {give_advice(failure.reason)}; see `verdi process report {pks[0]}`{more}",
    ]


def _describe_processes(state: CampaignState) -> str:
    if not state.alive:
        return "finished" if not state.failed else "ended, with failures"
    return f"running (node {', '.join(map(str, state.alive))})"


def _list_campaigns() -> bool:
    """Print a table of all campaigns; return whether there are any."""
    from rich.table import Table

    from aiida_hpaint.campaigns.group import list_campaigns
    from aiida_hpaint.campaigns.state import read_campaign_state
    from aiida_hpaint.cli.console import print_table

    groups = list_campaigns()
    if not groups:
        return False
    table = Table("campaign", "hosts", "done", "running", "waiting", "failed", "state")
    table.columns[0].no_wrap = True
    for group in groups:
        state = read_campaign_state(group, with_jobs=False)
        counts = (state.total, state.done, state.running, state.waiting, state.failed)
        table.add_row(group.label, *map(str, counts), _describe_processes(state))
    print_table(table)
    return True


def _list_restorations() -> bool:
    """Print a table of the last restorations; return whether there are any."""
    from rich.table import Table

    from aiida_hpaint.cli.campaigns.results import describe_state
    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.workflows.restore.progress import find_restorations

    nodes = find_restorations()
    if not nodes:
        return False
    table = Table("PK", "begun", "name", "hosts", "state")
    table.columns[2].no_wrap = True
    for node in nodes:
        n_hosts = len(node.inputs.graph_inputs.hosts)
        begun = node.ctime.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(str(node.pk), begun, node.label, str(n_hosts), describe_state(node))
    print_table(table)
    return True


def _show_stages(node: ProcessNode) -> None:
    """Print the progress of each stage of a restoration, its failures and its paused jobs."""
    from rich.table import Table

    from aiida_hpaint.campaigns.active_jobs import find_active_jobs
    from aiida_hpaint.cli.campaigns.results import describe_state
    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.cli.restore.run import describe_expected_duration
    from aiida_hpaint.science.recipe import find_stage
    from aiida_hpaint.workflows.restore.job_counts import describe_separate_jobs
    from aiida_hpaint.workflows.restore.progress import (
        count_stages,
        list_stage_states,
        read_planned,
    )
    from aiida_hpaint.workflows.validate.results import count_dft_progress

    states = list_stage_states(node)
    counts = count_stages(read_planned(node), states)
    title = f"Node {node.pk}: {describe_state(node)}"
    table = Table("stage", "begun", "done", "chunks", title=title)
    for count in counts:
        numbers = map(str, (count.begun, count.done, count.chunks))
        table.add_row(find_stage(count.stage).title, *numbers)
    print_table(table)
    if together := [find_stage(count.stage).title for count in counts if count.together]:
        first = find_stage(counts[0].stage).title
        click.echo(f"In one job with {first}: {', '.join(together)}.")
    if not node.is_terminated and (duration := describe_expected_duration(node)):
        click.echo(duration)
    for line in describe_separate_jobs(node, states):
        click.echo(line)
    for state in states:
        if state.problem:
            click.echo(f"{find_stage(state.stage).title}, {state.chunk}: {state.problem}")
            click.echo(f"  what to do: {give_advice(state.problem)}")
    progress = count_dft_progress(node)
    if progress is not None:
        click.echo("relax by DFT: {} of {} structures".format(*progress))
    for job in find_active_jobs([node.pk or 0]):
        if job.state == "paused":
            play = f"`verdi process play {job.pk}`"
            click.echo(f"{job.label} {job.pk} is paused ({job.status}): {play}")


def _warn_about_daemon() -> None:
    from aiida.engine.daemon.client import get_daemon_client

    from aiida_hpaint.workflows.engine.stuck_processes import find_stuck_processes
    from aiida_hpaint.workflows.engine.upstream import is_daemon_alive

    if not is_daemon_alive(get_daemon_client()):
        click.echo("The daemon is not running: `aiida-hpaint setup` starts it.", err=True)
    elif stuck := find_stuck_processes():
        pks = ", ".join(str(node.pk) for node in stuck[:8])
        click.echo(
            f"{len(stuck)} processes were submitted over a minute ago and have not begun ({pks}): "
            "unless the daemon is busy, `aiida-hpaint setup` puts them back into its queue.",
            err=True,
        )
