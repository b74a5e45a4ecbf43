"""aiida-hpaint status and results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

STATUS = """Show how far campaigns and restorations are.

Of a campaign: hosts done, running, waiting and failed, by reason and with what to do; its jobs,
those that AiiDA has paused among them; and the time that is left.

\b
Examples:
  aiida-hpaint status               campaigns, and the last ten restorations
  aiida-hpaint status NAME          a campaign
  aiida-hpaint status NAME --watch  again and again, until it ends
  aiida-hpaint status PK            a restoration, stage by stage
"""

RESULTS = """Show what a campaign or a restoration found, and write it to files.

The best candidate of each host as CIF (labels of inserted sites end in i), all candidates as
extxyz and all samples as CSV. Works while a restoration runs and after a failure, too: with what
is there.

\b
Examples:
  aiida-hpaint results NAME    all chunks of a campaign in one folder
  aiida-hpaint results PK
  aiida-hpaint results PK --output found
"""


@click.command(help=STATUS)
@click.argument("pk", required=False, metavar="[NAME|PK]")
@click.option("--watch", is_flag=True, help="Follow a campaign until it ends.")
@click.pass_obj
def status(obj: dict[str, Any], pk: str | None, watch: bool) -> None:
    """Show how far campaigns and restorations are."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.campaigns.group import find_campaign

    _warn_about_daemon()
    from aiida_hpaint.cli.campaigns.campaign_status import (
        list_campaigns,
        show_campaign,
        watch_campaign,
    )

    group = None if pk is None else find_campaign(pk)
    if watch and group is None:
        raise click.UsageError("--watch follows a campaign: give its name")
    if group is not None:
        watch_campaign(group) if watch else show_campaign(group)
    elif pk is None:
        _list_restorations(list_campaigns())
    else:
        _show_stages(find(pk))


@click.command(help=RESULTS)
@click.argument("pk", metavar="NAME|PK")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for CIFs and tables.  [default: restored-NAME or -PK]",
)
@click.pass_obj
def results(obj: dict[str, Any], pk: str, output: Path | None) -> None:
    """Show what a campaign or a restoration found, and write it to files."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.restore.restore import report_restoration

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.campaigns.group import find_campaign

    group = find_campaign(pk)
    if group is not None:
        from aiida_hpaint.cli.campaigns.campaign_results import report_campaign
        from aiida_hpaint.science.structures import safe_name

        report_campaign(group, output or Path(f"restored-{safe_name(group.label)}"))
        return
    node = find(pk)
    from aiida_hpaint.workflows.restore.progress import get_samples

    samples = get_samples(node)
    if samples is None:
        raise click.ClickException(f"node {node.pk} has no samples yet ({_state(node)})")
    if not node.is_finished_ok:
        click.echo(f"Node {node.pk} is not finished ({_state(node)}): this is what is there.")
    report_restoration(samples, output or Path(f"restored-{node.pk}"), node)


def find(identifier: str) -> ProcessNode:
    """The process of a restoration by its PK or UUID.

    Raises
    ------
    ClickException
        If there is none.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import ProcessNode, load_node

    try:
        node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise click.ClickException(
            f"there is no node {identifier}: `aiida-hpaint status` lists the restorations"
        ) from None
    hosts = node.base.links.get_incoming(link_label_filter="graph_inputs__hosts").all()
    if not isinstance(node, ProcessNode) or not hosts:
        raise click.ClickException(
            f"node {identifier} is no restoration: `aiida-hpaint status` lists them"
        )
    return node


def _list_restorations(are_campaigns: bool) -> None:
    from rich.table import Table

    from aiida_hpaint.cli.console import make_console
    from aiida_hpaint.workflows.restore.progress import find_restorations

    nodes = find_restorations()
    if not nodes and are_campaigns:
        return
    if not nodes:
        click.echo("There is no restoration yet: aiida-hpaint restore host.cif")
        return
    table = Table("PK", "begun", "name", "hosts", "state")
    for node in nodes:
        hosts = node.inputs.graph_inputs.hosts
        begun = node.ctime.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(str(node.pk), begun, node.label, str(len(hosts)), _state(node))
    make_console().print(table)


def _show_stages(node: ProcessNode) -> None:
    from rich.table import Table

    from aiida_hpaint.campaigns.jobs import jobs_below
    from aiida_hpaint.cli.campaigns.advice import give_advice
    from aiida_hpaint.cli.console import make_console
    from aiida_hpaint.science.recipe import find_stage
    from aiida_hpaint.workflows.restore.progress import (
        n_chunks,
        planned_stages,
        stage_states,
    )
    from aiida_hpaint.workflows.validate.results import count_dft_progress

    states = stage_states(node)
    chunks = n_chunks(node)
    table = Table("stage", "begun", "done", "chunks", title=f"Node {node.pk}: {_state(node)}")
    for stage in planned_stages(node):
        of_stage = [state for state in states if state.stage == stage]
        done = sum(state.is_over for state in of_stage)
        table.add_row(find_stage(stage).title, str(len(of_stage)), str(done), str(chunks))
    make_console().print(table)
    for state in states:
        if state.trouble:
            click.echo(f"{find_stage(state.stage).title}, {state.chunk}: {state.trouble}")
            click.echo(f"  what to do: {give_advice(state.trouble)}")
    progress = count_dft_progress(node)
    if progress is not None:
        click.echo("relax by DFT: {} of {} structures".format(*progress))
    for job in jobs_below([node.pk or 0]):
        if job.state == "paused":
            play = f"`verdi process play {job.pk}`"
            click.echo(f"{job.label} {job.pk} is paused ({job.status}): {play}")


def _state(node: ProcessNode) -> str:
    if not node.is_terminated:
        return "running"
    from aiida_hpaint.cli.session import describe_end

    return "finished" if node.is_finished_ok else describe_end(node)


def _warn_about_daemon() -> None:
    from aiida.engine.daemon.client import get_daemon_client

    from aiida_hpaint.cli.daemon import is_running
    from aiida_hpaint.workflows.engine.stuck import find_stuck

    if not is_running(get_daemon_client()):
        click.echo("The daemon is not running: `aiida-hpaint setup` lets the work go on.", err=True)
    elif stuck := find_stuck():
        pks = ", ".join(str(node.pk) for node in stuck[:8])
        click.echo(
            f"{len(stuck)} processes have not begun for a minute ({pks}): unless the daemon is "
            "busy, `aiida-hpaint setup` puts them back into its queue.",
            err=True,
        )
