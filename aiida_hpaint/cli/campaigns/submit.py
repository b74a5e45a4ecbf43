"""aiida-hpaint submit: a restoration, or a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import RestorationCommand
from aiida_hpaint.cli.completion import complete_campaigns, complete_files
from aiida_hpaint.cli.restore.request import (
    CampaignRequest,
    load_settings,
    read_request,
)
from aiida_hpaint.science.settings import CAMPAIGN_CHUNK_SITES, RestorationSettings
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from aiida_hpaint.campaigns.sources import CampaignHosts
    from aiida_hpaint.campaigns.submit import Submission

_HELP = """Submit a restoration or a campaign to the AiiDA daemon and return.

FILES are CIF, SHELX, POSCAR or extxyz files, or one YAML file:

\b
  hosts: [hosts/*.cif]         # files, folders (their CIFs), * and **
  add: H:4                     # without it: what each file says that it lacks
  protocol: balanced
  settings:                    # replace settings of the protocol
    sampling: {samples: 20, scheme: td, record: 1}
    validation: {candidates: 3}                # relax by DFT at the end
  dft_protocol: paper
  code: {sample: python@gpu, relax: python@cluster, dft: pw@cluster}
  options:                     # metadata.options of the jobs
    relax: {max_wallclock_seconds: 3600, queue_name: normal}
    dft: {resources: {num_machines: 1, num_mpiprocs_per_machine: 16}}
  chunk_sites: 2000            # largest number of host sites in a chunk
  upload_model: true           # send the generator along with the jobs
  upload_potential: true       # and the file of the potential

With a name it is a campaign, for thousands of hosts. A campaign has no validation: run
`aiida-hpaint validate` on its restorations.

\b
  campaign: hydrides
  group: my-hosts              # AiiDA group: StructureData, CifData, batches
                               # or CifCleanWorkChains of aiida-codtools
  where: [exit_status=430]     # which of them; also extras.KEY=VALUE
  archive: hosts.aiida         # an archive, or with `group` that group in it
  mark: true                   # write outcomes on nodes: the extra `hpaint`
  skip_bad: true               # leave out hosts with problems
  max_jobs: 10                 # chunks at once, each of which runs one job

Submitting a campaign again restores only what is new. A host is recognised by its structure, not
its label, and skipped if any restoration of the profile has finished it with the same settings and
models. Hosts whose jobs failed are restored again; --again chooses others.

\b
Examples:
  aiida-hpaint submit hosts/*.cif --protocol stringent
  aiida-hpaint submit restore.yaml
  aiida-hpaint submit campaign.yaml --dry-run
  aiida-hpaint submit campaign.yaml
  aiida-hpaint submit more/ --campaign hydrides --add H:4
  aiida-hpaint submit campaign.yaml --again unrestored --seed 1
  aiida-hpaint status hydrides
  aiida-hpaint results hydrides
"""

_SHOWN = 10
"""Lines of a kind that are shown; more are only counted."""


@click.command(cls=RestorationCommand, help=_HELP)
@click.argument("files", nargs=-1, metavar="[FILES...]", shell_complete=complete_files)
@options.add_host_options
@click.option(
    "--campaign",
    metavar="NAME",
    shell_complete=complete_campaigns,
    help="Name of a new campaign, or of one to add to.",
)
@click.option("--group", metavar="LABEL", help="Campaign: AiiDA group with hosts.")
@click.option(
    "--archive",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Campaign: AiiDA archive with hosts; imported if some of them are to be restored.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE[,VALUE]",
    help="Campaign: an attribute or extra that nodes must have, like exit_status=430,431 or "
    "extras.incorrect_formula=missing_elements; may be repeated.",
)
@click.option(
    "--no-mark",
    is_flag=True,
    help="Campaign: do not write the outcome on the nodes that hosts come from.",
)
@click.option(
    "--max-jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Campaign: largest number of chunks at once.",
)
@click.option(
    "--chunk-sites",
    type=click.IntRange(min=1),
    metavar="N",
    help="Largest number of host sites in a chunk.",
)
@click.option(
    "--again",
    type=click.Choice(["none", "failed", "unrestored", "all"]),
    default="failed",
    show_default=True,
    help="Campaign: earlier hosts that are restored again: those whose jobs failed (failed), those "
    "without a candidate for any reason (unrestored), all that are not running, or none.",
)
@click.option(
    "--dry-run", is_flag=True, help="Campaign: show what would be submitted, and submit nothing."
)
@options.add_restoration_options
@click.pass_obj
def submit(obj: dict[str, Any], /, files: tuple[str, ...], **flags: Any) -> None:
    """Submit a restoration or a campaign to the AiiDA daemon and return."""
    if not (files or flags["group"] or flags["archive"]):
        raise click.UsageError("give FILES, a campaign.yaml, --group or --archive")
    request = read_request(files, flags)
    if isinstance(request, CampaignRequest):
        _submit_campaign(obj["profile"], request, flags)
        return
    from aiida_hpaint.cli.restore.run import prepare_task, submit_task

    task = prepare_task(files, flags)
    node = submit_task(obj["profile"], task)
    click.echo(f"Submitted as node {node.pk}: {format_count(len(task.hosts), 'host')}.")
    _show_next_commands(str(node.pk))


def _show_next_commands(name: str) -> None:
    click.echo(f"  aiida-hpaint status {name}")
    click.echo(f"  aiida-hpaint results {name}")


def _submit_campaign(profile: str | None, campaign: CampaignRequest, flags: dict[str, Any]) -> None:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.daemon import ensure_daemon

    silence_warnings()
    _refuse_what_campaigns_lack(campaign, flags)
    settings = load_settings(campaign)
    session.load_profile(profile)
    from aiida_hpaint.campaigns.submit import prepare_submission, submit_campaign
    from aiida_hpaint.science.structures import quote_for_shell

    submission = prepare_submission(
        campaign.campaign,
        _read_sources(campaign, flags["skip_bad"] or campaign.skip_bad, settings),
        settings,
        code=campaign.code,
        options=campaign.options or None,
        upload_model=campaign.upload_model,
        upload_potential=campaign.upload_potential,
        chunk_sites=campaign.chunk_sites or CAMPAIGN_CHUNK_SITES,
        max_jobs=campaign.max_jobs,
        again=flags["again"],
    )
    _show_submission(submission)
    if flags["dry_run"]:
        click.echo("Nothing was submitted.")
        return
    if submission.rows and ensure_daemon():
        click.echo("Started the AiiDA daemon.")
    archive = Path(campaign.archive) if campaign.archive else None
    _, node = submit_campaign(submission, archive, campaign.add, campaign.mark)
    if node is None:
        click.echo("There is nothing to do.")
    else:
        click.echo(f"Submitted to campaign {submission.name} as node {node.pk}.")
    _show_next_commands(quote_for_shell(submission.name))


def _refuse_what_campaigns_lack(campaign: CampaignRequest, flags: dict[str, Any]) -> None:
    if campaign.start_from:
        raise ValueError(
            "start_from: potentials take one job per host, which is not available for campaigns"
        )
    if flags["jobs"]:
        raise click.UsageError("--jobs is for restorations: a campaign has --max-jobs")


def _read_sources(
    campaign: CampaignRequest, skip_bad: bool, restoration: RestorationSettings
) -> CampaignHosts:
    """Read the hosts of files, an archive and a group.

    Raises
    ------
    ClickException
        If hosts have problems and are not skipped, or none is left; it lists all problems.
    """
    from aiida_hpaint.campaigns.nodes import Selection
    from aiida_hpaint.campaigns.sources import (
        drop_complete_hosts,
        drop_unknown_elements,
        join_campaign_hosts,
        read_hosts_from_archive,
        read_hosts_from_files,
        read_hosts_from_group,
    )
    from aiida_hpaint.cli.console import convert_host_error, list_assumptions

    settings, add, group = restoration.hosts, campaign.add, campaign.group
    selection = Selection(tuple(campaign.where), frozenset(campaign.nodes))
    found = [read_hosts_from_files(campaign.hosts, add, settings)] if campaign.hosts else []
    if campaign.archive:
        archive = Path(campaign.archive)
        found.append(read_hosts_from_archive(archive, add, group, settings, selection))
    elif group:
        found.append(read_hosts_from_group(group, add, settings, selection))
    sources = join_campaign_hosts(found)
    if skip_bad:
        sources = drop_complete_hosts(sources)
    sources = drop_unknown_elements(sources, restoration)
    if sources.problems and (sources.hosts is None or not skip_bad):
        raise convert_host_error(sources.problems)
    _show_first("Left out: ", [str(problem) for problem in sources.problems])
    if sources.hosts is not None:
        _show_first("Note: ", list_assumptions(sources.hosts))
    return sources


def _show_submission(submission: Submission) -> None:
    """Show the numbers of hosts that are new, known, and to be restored."""
    from rich.table import Table

    from aiida_hpaint.campaigns.deduplication import FAILED, RESTORED, RUNNING, WAITING, WITHOUT
    from aiida_hpaint.cli.console import print_table

    counts = submission.count_hosts()
    table = Table("hosts of this submission", "number", title=f"Campaign {submission.name}")
    table.columns[1].justify = "right"
    for name, title in (
        ("new", "new"),
        ("again", "known, restored again"),
        (RESTORED, "known, restored"),
        (WITHOUT, "known, without a candidate"),
        (RUNNING, "known, being restored"),
        (WAITING, "known, waiting"),
        (FAILED, "known, failed, not restored again"),
    ):
        if counts[name] or name == "new":
            table.add_row(title, str(counts[name]))
    print_table(table)
    labels = submission.sources.hosts.labels if submission.sources.hosts is not None else ()
    same = [
        f"{labels[row]} is the same host as {labels[at]}" for row, at in submission.same.items()
    ]
    _show_first("Given twice, restored once: ", same)
    if submission.rows:
        click.echo(
            f"To restore: {format_count(len(submission.rows), 'host')} in "
            f"{format_count(submission.count_chunks(), 'chunk')} of at most "
            f"{submission.chunk_sites} sites, {submission.max_jobs} at once"
        )


def _show_first(title: str, lines: list[str]) -> None:
    """Print the first lines, and count the others."""
    for line in lines[:_SHOWN]:
        click.echo(f"{title}{line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"{title}{len(lines) - _SHOWN} more", err=True)
