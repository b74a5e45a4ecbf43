"""aiida-hpaint find: records of a database that miss hydrogen."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.campaigns.campaign_file import CampaignFile
from aiida_hpaint.cli.campaigns.findings import show_csv, show_json, show_table
from aiida_hpaint.cli.campaigns.search import GROUP, Search, is_optimade
from aiida_hpaint.cli.chunking import count_cores
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_files
from aiida_hpaint.cli.settings import make_host_settings
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from aiida_hpaint.science.databases import Finding, Verdict

_NAMELESS = "campaign"
"""Stem of a file of a campaign that does not say which one it is."""

_NAMELESS_FOLDERS = ("cif", "cifs", "hosts")

_HELP = """Find the records of a database that miss hydrogen, and show the evidence.

\b
SOURCES are
  a CIF, a folder (with all folders below it, like a mirror of the COD),
  a zip or tar archive,
  an AiiDA archive (.aiida), an AiiDA group (group:LABEL),
  an OPTIMADE provider (its base URL, or a short name such as optimade:cod).

Formula, labels, attached hydrogens and bond valences of each record are compared with its list of
sites, as `aiida-hpaint inspect` does for one file. Shown are records that miss hydrogen and those
that somebody has to decide on: their statements contradict each other. --output makes a campaign
of the former, whose name is that of the file or, for campaign.yaml, of the first source.

\b
Examples:
  aiida-hpaint find cifs/
  aiida-hpaint find cod.zip --max-sites 60 --output campaign.yaml
  aiida-hpaint find optimade:cod --elements Ca,S \\
      --filter 'nelements<=4' --csv > missing.csv
  aiida-hpaint find group:mpds/cif --where exit_status=430,431 \\
      -o campaign.yaml
  aiida-hpaint find group:mpds/cif \\
      --where extras.incorrect_formula=missing_elements
  aiida-hpaint submit campaign.yaml --dry-run

The exit status is 0 if a record misses hydrogen, 1 if none does, and 2 if a source cannot be read.
"""


@click.command(cls=Command, help=_HELP)
@click.argument(
    "sources", nargs=-1, required=True, metavar="SOURCES...", shell_complete=complete_files
)
@click.option(
    "--max-sites",
    type=click.IntRange(min=1),
    metavar="N",
    help="Largest number of sites in the cell, the missing ones included.",
)
@click.option("--elements", metavar="EL,EL", help="Elements that all have to be there.")
@click.option("--filter", "filter_", metavar="FILTER", default="", help="OPTIMADE: its filter.")
@click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE[,VALUE]",
    help="AiiDA: an attribute or extra that nodes of the group must have; may be repeated.",
)
@options.add_disorder_option
@click.option(
    "--trust",
    type=click.Choice(["labels", "formula"]),
    help="What to believe where a record contradicts itself.",
)
@click.option("--all", "show_all", is_flag=True, help="Show complete and refused records too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all statements.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    help="File for a campaign of the records that miss hydrogen; records of archives and of "
    "OPTIMADE are written into a folder next to it.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes.  [default: the number of cores of this machine]",
)
@click.pass_obj
def find(
    obj: dict[str, Any],
    /,
    sources: tuple[str, ...],
    max_sites: int | None,
    elements: str | None,
    filter_: str,
    where: tuple[str, ...],
    disorder: str | None,
    trust: str | None,
    show_all: bool,
    as_json: bool,
    as_csv: bool,
    output: Path | None,
    processes: int | None,
) -> None:
    """Find the records of a database that miss hydrogen, and show the evidence."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.science.databases import Filters, Verdict
    from aiida_hpaint.science.outputs import try_file

    if as_json and as_csv:
        raise click.UsageError("give --json or --csv, not both")
    _refuse_useless_queries(sources, where, filter_)
    from aiida_hpaint.science.structures import quote_for_shell

    silence_warnings()
    filters = Filters(max_sites, frozenset(_split(elements)))
    reading = {"disorder": disorder, "trust": trust}
    settings = make_host_settings(reading)
    search = Search(obj["profile"], settings, filters, filter_, where, processes or count_cores())
    if output is not None:
        try_file(output)
    campaign = None if output is None else _open_campaign(output, sources)
    shown, counts = _search(search, sources, campaign, show_all)
    show = show_json if as_json else show_csv if as_csv else show_table
    show(_sort_and_name(shown))
    if counts or not search.problems:
        _report(counts)
    if campaign is not None and counts[Verdict.MISSING]:
        given = {name: value for name, value in reading.items() if value is not None}
        path = quote_for_shell(str(campaign.write({"hosts": given} if given else {})))
        click.echo(f"Wrote {path}: aiida-hpaint submit {path} --dry-run", err=True)
    for problem in search.problems:
        click.echo(f"Error: {problem}", err=True)
    sys.exit(2 if search.problems else 0 if counts[Verdict.MISSING] else 1)


def _search(
    search: Search, sources: Sequence[str], campaign: CampaignFile | None, show_all: bool
) -> tuple[list[Finding], Counter[Verdict]]:
    """Return what is to be shown, and how often each verdict was; a campaign gets all findings."""
    from aiida_hpaint.science.databases import Verdict

    shown: list[Finding] = []
    counts: Counter[Verdict] = Counter()
    for document, findings in search.iter_findings(sources):
        found = [finding for finding in findings if search.filters.accept(finding)]
        counts.update(finding.verdict for finding in found)
        wanted = (Verdict.MISSING, Verdict.UNDECIDED)
        shown += [finding for finding in found if show_all or finding.verdict in wanted]
        if campaign is not None:
            campaign.add(document, found, len(findings))
    return shown, counts


def _refuse_useless_queries(sources: Sequence[str], where: Sequence[str], filter_: str) -> None:
    nodes = [each for each in sources if each.startswith(GROUP) or each.endswith(".aiida")]
    if where and not nodes:
        raise click.UsageError("--where is for AiiDA groups and archives: give one")
    if filter_ and not any(map(is_optimade, sources)):
        raise click.UsageError("--filter is for OPTIMADE providers: give one")


def _sort_and_name(findings: Sequence[Finding]) -> list[Finding]:
    """Sort what several processes found in any order, and make the labels distinct."""
    from aiida_hpaint.science.structures.distinct_names import make_distinct

    ordered = sorted(findings, key=lambda finding: finding.source)
    folders = [str(Path(finding.source).parent) for finding in ordered]
    names = make_distinct([finding.label for finding in ordered], folders)
    return [replace(finding, label=name) for finding, name in zip(ordered, names, strict=True)]


def _split(elements: str | None) -> list[str]:
    from aiida_hpaint.science.structures.elements import is_element

    symbols = [each.strip() for each in (elements or "").split(",") if each.strip()]
    for symbol in symbols:
        if not is_element(symbol):
            raise click.BadParameter(f"{symbol!r} is no element", param_hint="--elements")
    return symbols


def _open_campaign(path: Path, sources: Sequence[str]) -> CampaignFile:
    groups = [source.removeprefix(GROUP) for source in sources if source.startswith(GROUP)]
    archives = [Path(source) for source in sources if source.endswith(".aiida")]
    if len(groups) + len(archives) > 1:
        raise click.UsageError("--output: a campaign takes nodes of one group or one archive")
    name = _name_campaign(path, sources)
    return CampaignFile(path, name, next(iter(groups), None), next(iter(archives), None))


def _name_campaign(path: Path, sources: Sequence[str]) -> str:
    """Return the stem of the file or, where that says nothing, the name of the first source."""
    if path.stem != _NAMELESS:
        return path.stem
    source = sources[0]
    if source.startswith(GROUP):
        # A campaign is a group, too, and needs a label of its own.
        return f"{source.removeprefix(GROUP)}-restored"
    if is_optimade(source):
        address = source.removeprefix("optimade:").rpartition("://")[2]
        return address.strip("/").replace("/", "-").replace(":", "-")
    place = Path(source).resolve()
    while place.name in _NAMELESS_FOLDERS:
        place = place.parent
    return (place.name if place.is_dir() else place.name.partition(".")[0]) or path.stem


def _report(counts: Mapping[Verdict, int]) -> None:
    from aiida_hpaint.science.databases import Verdict

    hint = "(aiida-hpaint inspect shows why)"
    parts = (
        (Verdict.MISSING, "misses hydrogen", "miss hydrogen"),
        (Verdict.UNDECIDED, f"is undecided {hint}", f"are undecided {hint}"),
        (Verdict.COMPLETE, "is complete", "are complete"),
        (Verdict.REFUSED, "is refused", "are refused"),
    )
    told = ", ".join(format_count(counts.get(key, 0), *texts) for key, *texts in parts)
    click.echo(f"{format_count(sum(counts.values()), 'record')}: {told}", err=True)
