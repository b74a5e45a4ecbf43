"""aiida-hpaint results: what campaigns and restorations found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_work
from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.verbosity import say
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.campaigns.group import CampaignGroup
    from aiida_hpaint.campaigns.state import CampaignState
    from aiida_hpaint.science.report.host_results import HostResult

_HELP = """Show the results of a campaign, a restoration or a count, and write them to files.

The files are the best candidate of each host as two CIFs (the CIF of the host with the inserted
sites, and *_relaxed.cif with all sites relaxed), all candidates as extxyz, and all samples as CSV.
While a restoration runs, and after a failure, the results so far are written.

\b
Examples:
  aiida-hpaint results NAME    all chunks of a campaign, in one folder
  aiida-hpaint results PK
  aiida-hpaint results PK --output restored --format cif,json
"""

_SHOWN = 50
"""Most hosts that get a line each on the screen; more are only counted there."""


@click.command(cls=Command, help=_HELP)
@click.argument("pk", metavar="NAME|PK", shell_complete=complete_work)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for CIFs and tables.  [default: restored-NAME, restored-PK, counted-PK]",
)
@options.add_format_option
@options.add_report_option
@options.add_json_option
@click.pass_obj
def results(
    obj: dict[str, Any],
    /,
    pk: str,
    output: Path | None,
    formats: Sequence[str],
    report: str,
    as_json: bool,
) -> None:
    """Show the results of a campaign or a restoration, and write them to files."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.restore.restore import refuse_to_mix, report_restoration
    from aiida_hpaint.science.outputs import lock_folder

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.campaigns.group import find_campaign

    group = find_campaign(pk)
    if group is not None:
        from aiida_hpaint.science.structures import make_safe_name

        folder = output or Path(f"restored-{make_safe_name(group.label)}")
        with lock_folder(folder):
            report_campaign(group, folder, formats, report, as_json)
        return
    node = find_restoration(pk)
    from aiida_hpaint.cli.restore.count_report import is_count
    from aiida_hpaint.workflows.restore.progress import get_hosts, get_samples

    if is_count(node):
        _write_count(node, output or Path(f"counted-{node.pk}"), as_json)
        return
    samples = get_samples(node)
    if samples is None:
        raise click.ClickException(f"node {node.pk} has no samples yet ({describe_state(node)})")
    if not node.is_finished_ok:
        say(f"Node {node.pk} is not finished ({describe_state(node)}): results so far.")
    folder = output or Path(f"restored-{node.pk}")
    more: dict[str, Any] = {"hosts": get_hosts(node), "formats": formats}
    refuse_to_mix(samples.labels, folder)
    with lock_folder(folder):
        report_restoration(samples, folder, node, report=report, as_json=as_json, **more)


def _write_count(node: ProcessNode, folder: Path, as_json: bool) -> None:
    from aiida_hpaint.cli.restore.count_report import read_count, refuse_another_host, report_count
    from aiida_hpaint.science.outputs import lock_folder

    found, structure, host = read_count(node)
    refuse_another_host(host.labels[0], folder)
    with lock_folder(folder):
        report_count(found, structure, host, folder, node, as_json)


def report_campaign(
    group: CampaignGroup,
    output: Path,
    formats: Sequence[str] = ("cif",),
    report: str = "shared",
    as_json: bool = False,
) -> None:
    """Write CIFs, candidates and tables of all chunks of a campaign, and show a summary.

    Raises
    ------
    ClickException
        If the campaign has no sample yet, or the folder has results of other hosts.
    """
    from aiida_hpaint.campaigns.results import collect_campaign_samples
    from aiida_hpaint.campaigns.state import read_campaign_state
    from aiida_hpaint.cli.chunking import count_cores
    from aiida_hpaint.cli.restore.restoration_json import echo_restoration
    from aiida_hpaint.cli.restore.restore import refuse_to_mix
    from aiida_hpaint.cli.tables import write_host_files
    from aiida_hpaint.science.report import group_rows_by_host, write_reports
    from aiida_hpaint.science.structures.safe_text import quote_for_shell

    found = collect_campaign_samples(group)
    state = read_campaign_state(group, with_jobs=False)
    if found is None:
        raise click.ClickException(
            f"campaign {group.label} has no samples yet: "
            f"aiida-hpaint status {quote_for_shell(group.label)}"
        )
    refuse_to_mix(found.hosts.labels, output)
    results = group_rows_by_host(found.samples, found.hosts, found.processes)
    processes = count_cores()
    write_host_files(results, found.samples, output, formats, processes)
    page = None
    if report != "none":
        title = f"Campaign {group.label}"
        alone = report == "alone"
        page = write_reports(results, output, title=title, alone=alone, processes=processes)
    if as_json:
        echo_restoration(results, output, None, page)
        return
    _print_results(results, state, group.label)
    click.echo(f"CIFs, all candidates (extxyz) and all samples (CSV) are in {output}")
    if page is not None:
        click.echo(f"Report, to open in a browser: {page}")
    if state.running or state.waiting:
        left = format_count(state.running + state.waiting, "host is", "hosts are")
        click.echo(f"{left} still running or waiting.")


def _print_results(results: list[HostResult], state: CampaignState, label: str) -> None:
    """Print the table of a small campaign, the first hosts without an answer, and their number."""
    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.cli.tables import describe_unrestored, make_host_table

    if len(results) <= _SHOWN:
        print_table(make_host_table(results))
    unrestored = describe_unrestored(results)
    for line in unrestored[:_SHOWN]:
        click.echo(f"Not restored: {line}", err=True)
    if len(unrestored) > _SHOWN:
        click.echo(f"Not restored: {len(unrestored) - _SHOWN} more", err=True)
    restored = sum(result.is_restored for result in results)
    click.echo(f"{restored} of {format_count(state.total, 'host')} of campaign {label} restored")


def find_restoration(identifier: str) -> ProcessNode:
    """Return the process of a restoration by its PK or UUID, or by those of its work chain.

    Raises
    ------
    ClickException
        If there is no such node, or it is not a restoration.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import ProcessNode, load_node

    from aiida_hpaint.workflows.restore.progress import find_graph

    try:
        node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise CommandError(
            f"there is no node {identifier}: `aiida-hpaint status` lists the restorations"
        ) from None
    if isinstance(node, ProcessNode) and (graph := find_graph(node)) is not None:
        return graph
    raise CommandError(f"node {identifier} is not a restoration: `aiida-hpaint status` lists them")


def describe_state(node: ProcessNode) -> str:
    """Return whether a process runs, or how it ended."""
    from aiida_hpaint.cli.session import describe_end

    if not node.is_terminated:
        return "running"
    return "finished" if node.is_finished_ok else describe_end(node)
