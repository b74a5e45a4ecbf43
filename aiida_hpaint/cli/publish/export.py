"""aiida-hpaint export."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_work
from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from aiida.orm import Group, Node, ProcessNode

    from aiida_hpaint.workflows.validate.results import Validation

_HELP = """Write the data of a publication: an AiiDA archive, tables, CIFs and a README.

Arguments are PKs of restorations, validations, benchmarks and RestoreHydrogenWorkChains, or labels
of groups of them. The archive contains these processes with all their inputs and outputs, and is
checked for completeness: settings, hashes of models, codes, computers, pseudopotentials, content of
nodes. Each process gets a folder with its tables and CIFs, a benchmark also its report. The README
explains how to read the data, with licence and citation; SHA256SUMS has the digest of each file.
The exit status is 1 if something is missing.

Running processes are refused. Of processes that failed, or lost some of their hosts, the results so
far are written, and the README lists what failed.

--check FILE checks an archive of someone else for completeness, without importing it.

\b
Examples:
  aiida-hpaint export 1234 --output published
  aiida-hpaint export hydrides -o published --title "Hydrogen in hydrides"
  aiida-hpaint export 1234 5678 -o published \\
      --author "A. Author (Institute)" \\
      --description "DFT validation of 80 hydrides" \\
      --reference "arXiv:2601.01959"
  aiida-hpaint export --check downloaded.aiida
"""

BENCHMARK, RESTORATION, VALIDATION, STRUCTURE = (
    "benchmark",
    "restoration",
    "validation",
    "structure",
)

RESULTS = {
    BENCHMARK: "rows",
    RESTORATION: "samples",
    VALIDATION: "table",
    STRUCTURE: "structure",
}
"""Outputs without which there is nothing to publish, by kind of process."""


@click.command(cls=Command, help=_HELP)
@click.argument("sources", nargs=-1, metavar="PK|GROUP...", shell_complete=complete_work)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the data, new or empty.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Only check an existing archive; nothing is imported.",
)
@click.option("--licence", metavar="ID", help="Licence of the data, like CC-BY-4.0.")
@click.option("--title", default="Restored crystal structures", help="Title of the README.")
@click.option("--author", "authors", multiple=True, metavar="NAME", help="Author; may be repeated.")
@click.option("--description", default="", metavar="TEXT", help="Description of the data.")
@click.option(
    "--keyword", "keywords", multiple=True, metavar="WORD", help="Keyword; may be repeated."
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="TEXT",
    help="Paper to cite; may be repeated.",
)
@click.pass_obj
def export(
    obj: dict[str, Any],
    /,
    sources: tuple[str, ...],
    output: Path | None,
    check: Path | None,
    **flags: Any,
) -> None:
    """Write the data of a publication."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.science.outputs import lock_folder, open_staging

    silence_warnings()
    if (check is None) != bool(sources):
        raise click.UsageError("give either PKs and groups, or an archive with --check FILE")
    if check is None and output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    if output is not None and output.exists() and any(output.iterdir()):
        raise click.UsageError(f"{output} is not empty: give a new folder")
    session.load_profile(obj["profile"])
    if check is not None:
        gaps = _check(check)
    else:
        assert output is not None
        with lock_folder(output), open_staging(output) as staging:
            gaps = _export(sources, staging, output, flags)
    if gaps:
        raise click.exceptions.Exit(1)


def _export(
    sources: Sequence[str], output: Path, target: Path, flags: Mapping[str, Any]
) -> Sequence[str]:
    """Write archive, folders, README and digests, to be moved to a target; return the gaps."""
    from aiida_hpaint.publication import PublicationDetails, format_readme, write_archive
    from aiida_hpaint.publication.archive import ARCHIVE_FILE
    from aiida_hpaint.publication.completeness import list_missing_results
    from aiida_hpaint.science.structures import make_safe_names

    nodes, groups = _load_processes(sources)
    kinds = [_find_kind(node) for node in nodes]
    # Hide AiiDA's list of traversal rules; opening the database would reset this.
    logging.getLogger("aiida.export").setLevel(logging.WARNING)
    failed = [list_missing_results(node) for node in nodes]
    archive = write_archive(nodes, output / ARCHIVE_FILE, groups)
    # Folders are not named by PK, which differs from profile to profile.
    pairs = zip(kinds, nodes, strict=True)
    names = make_safe_names(f"{kind} {node.label}" if node.label else kind for kind, node in pairs)
    for node, kind, name in zip(nodes, kinds, names, strict=True):
        _write_process(node, kind, output / name)
    folders = {
        name: (kind, node.uuid) for name, kind, node in zip(names, kinds, nodes, strict=True)
    }
    about = PublicationDetails(
        **{field.name: flags[field.name] for field in fields(PublicationDetails)}
    )
    lines = dict(zip(names, failed, strict=True))
    text = format_readme(archive, folders, flags["licence"], flags["title"], about, lines)
    (output / "README.md").write_text(text, encoding="utf-8")
    files = [path for path in sorted(output.rglob("*")) if path.is_file()]
    sums = (f"{hash_file(path)}  {path.relative_to(output).as_posix()}\n" for path in files)
    (output / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    for name, each in lines.items():
        for line in each:
            click.echo(f"{name}: {line}", err=True)
    _report_gaps(archive.missing)
    if flags["licence"] is None:
        click.echo("No licence was chosen: --licence, or complete README.md", err=True)
    processes = "1 process" if len(nodes) == 1 else f"{len(nodes)} processes"
    click.echo(f"Exported {processes} ({format_count(archive.job_count, 'job')}) to {target}/")
    return archive.missing


def _check(path: Path) -> Sequence[str]:
    """Check an archive of someone else; return what is missing."""
    from aiida.common.exceptions import AiidaException

    from aiida_hpaint.publication import check_archive
    from aiida_hpaint.science.structures import escape_control_characters

    try:
        archive = check_archive(path)
    except AiidaException as error:
        raise CommandError(
            f"{path} cannot be read ({error}): see `verdi archive migrate`"
        ) from None
    _report_gaps(archive.missing)
    outcome = (
        f"failed, {format_count(len(archive.missing), 'problem')}" if archive.missing else "passed"
    )
    click.echo(f"{path}: {format_count(archive.job_count, 'job')}. Completeness check: {outcome}.")
    for name, sha256 in archive.weights:
        click.echo(escape_control_characters(f"  {name}: weights with the sha256 {sha256}"))
    return archive.missing


def _report_gaps(gaps: Sequence[str]) -> None:
    from aiida_hpaint.science.structures import escape_control_characters

    for gap in gaps:
        click.echo(f"Missing: {escape_control_characters(gap)}", err=True)


def _load_processes(sources: Sequence[str]) -> tuple[list[ProcessNode], list[Group]]:
    """Return the processes of PKs, UUIDs and labels of groups, each once, and the groups.

    Raises
    ------
    ClickException
        If a source is neither a process nor a group with processes.
    """
    from aiida.orm import ProcessNode

    found: dict[str, ProcessNode] = {}
    groups: list[Group] = []
    for source in sources:
        nodes, group = _load(source)
        processes = [node for node in nodes if isinstance(node, ProcessNode)]
        if not processes:
            raise CommandError(f"{source} is neither a process nor a group with processes")
        found |= {node.uuid: node for node in processes}
        groups += [] if group is None else [group]
    return list(found.values()), groups


def _load(source: str) -> tuple[list[Node], Group | None]:
    """Return the nodes of a campaign, a PK, a UUID or a label of a group, and the group."""
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import ProcessNode, load_group, load_node

    from aiida_hpaint.campaigns.group import CampaignGroup, find_campaign
    from aiida_hpaint.workflows.restore.progress import find_graph

    # First, since the process that runs a campaign has its name as the label.
    group: Any = find_campaign(source)
    if group is None:
        try:
            node = load_node(source)
        except (NotExistent, MultipleObjectsError, ValueError):
            pass
        else:
            graph = find_graph(node) if isinstance(node, ProcessNode) else None
            if graph is None or graph.pk == node.pk:
                return [node], None
            text = f"Note: exported is node {graph.pk}, which node {node.pk} has called"
            click.echo(text, err=True)
            return [graph], None
        try:
            group = load_group(source)
        except (NotExistent, MultipleObjectsError, ValueError):
            raise CommandError(f"there is no node and no group {source}") from None
    # Hosts that an earlier restoration had finished belong to the campaign, too.
    others = group.other_restorations if isinstance(group, CampaignGroup) else {}
    nodes = [*group.nodes, *(load_node(uuid) for uuid in others)]
    if isinstance(group, CampaignGroup):
        nodes = [node for node in nodes if not _has_no_sample(node)]
    # PKs, and so the order of a group, change when it is imported.
    return sorted(nodes, key=lambda node: (node.ctime, node.uuid)), group


def _has_no_sample(node: Node) -> bool:
    """Return whether a chunk of a campaign ended without a sample; others have its hosts."""
    from aiida.orm import ProcessNode

    if not isinstance(node, ProcessNode) or not node.is_terminated:
        return False
    if _has_result(node, RESTORATION):
        return False
    click.echo(f"Left out: restoration {node.pk} ended without a sample", err=True)
    return True


def _find_kind(node: ProcessNode) -> str:
    """Return the kind of a process.

    Raises
    ------
    ClickException
        If it cannot be published, has not ended, or has no result.
    """
    if not node.is_terminated:
        raise CommandError(f"node {node.pk} has not ended yet: `verdi process show {node.pk}`")
    kind = _read_kind(node)
    if not _has_result(node, kind):
        raise CommandError(
            f"{kind} {node.pk} has no {RESULTS[kind]}: see `verdi process report {node.pk}`"
        )
    return kind


def _has_result(node: ProcessNode, kind: str) -> bool:
    """Return whether a process has results; unfinished restorations may have samples."""
    if kind != RESTORATION:
        return RESULTS[kind] in node.outputs
    from aiida_hpaint.workflows.restore.progress import get_samples

    return get_samples(node) is not None


def _read_kind(node: ProcessNode) -> str:
    if node.process_label == "RestoreHydrogenWorkChain":
        return STRUCTURE
    inputs = node.inputs.graph_inputs if "graph_inputs" in node.inputs else {}
    for name, kind in (("complete", BENCHMARK), ("hosts", RESTORATION), ("structures", VALIDATION)):
        if name in inputs:
            return kind
    raise CommandError(
        f"node {node.pk} ({node.process_label}) is not a restoration, validation or benchmark"
    )


def _write_process(node: ProcessNode, kind: str, folder: Path) -> None:
    """Write the files that the command of each kind of process writes."""
    if kind == BENCHMARK:
        from aiida_hpaint.science.benchmark import write_report
        from aiida_hpaint.workflows.benchmark.results import load_benchmark, write_benchmark

        write_benchmark(load_benchmark(node.uuid), folder)
        write_report(folder)
    elif kind == STRUCTURE:
        _write_structure(node, folder)
    elif kind == RESTORATION:
        _write_restoration(node, folder)
    elif kind == VALIDATION:
        _write_validation(node, folder)


def _write_restoration(node: ProcessNode, folder: Path) -> None:
    from aiida_hpaint.cli.chunking import count_cores
    from aiida_hpaint.cli.tables import write_host_files
    from aiida_hpaint.science.report import (
        add_validation,
        group_rows_by_host,
        write_reports,
    )
    from aiida_hpaint.workflows.restore.job_counts import describe_process
    from aiida_hpaint.workflows.restore.progress import get_hosts, get_samples

    samples = get_samples(node)
    assert samples is not None
    process = describe_process(node, is_local=False)
    results = group_rows_by_host(samples, get_hosts(node), process)
    write_host_files(results, samples, folder, processes=count_cores())
    if (validation := _write_validation(node, folder)) is not None:
        results = add_validation(results, validation.rows)
    write_reports(results, folder, processes=count_cores())


def _write_structure(node: ProcessNode, folder: Path) -> None:
    from aiida_hpaint.data.structure_batch import read_structure
    from aiida_hpaint.science.structures import make_safe_name, write_cif

    batch = read_structure(node.outputs.structure)
    folder.mkdir(parents=True, exist_ok=True)
    label = node.inputs.structure.label or batch.labels[0]
    write_cif(batch, folder / f"{make_safe_name(label)}.cif")


def _write_validation(node: ProcessNode, folder: Path) -> Validation | None:
    """Write the validation by DFT, if there is one with a result, and return it."""
    from aiida_hpaint.cli.restore.validation_report import write_validation
    from aiida_hpaint.workflows.validate.results import read_validation

    try:
        found = read_validation(node)
    except ValueError:
        return None
    write_validation(found, folder)
    return found
