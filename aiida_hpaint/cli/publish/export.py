"""aiida-hpaint export."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.publish.export_files import (
    BENCHMARK,
    RESTORATION,
    STRUCTURE,
    VALIDATION,
    write_process,
)
from aiida_hpaint.science.files import hash_file

if TYPE_CHECKING:
    from aiida.orm import Group, Node, ProcessNode

HELP = """Write what goes beside a paper: an AiiDA archive, tables, CIFs and a README.

SOURCES are PKs of restorations, validations, benchmarks and RestoreHydrogenWorkChains, or labels of
groups of them. The archive holds them with all that went into them and came of them, and a walk
through it tells what a reader would miss: settings, hashes of models, codes, computers,
pseudopotentials, content of nodes. Each process gets a folder with its tables and CIFs, a benchmark
its report too; the README says how to read it all again, names licence and citation; SHA256SUMS
has the digest of each file. The exit status is 1 where something is missing.

What still runs is refused. What ended early, or lost some of its hosts, is written as far as it
came, and the README says what failed.

--check FILE walks through an archive that someone else made, without importing it.

\b
Examples:
  aiida-hpaint export 1234 --output published
  aiida-hpaint export hydrides --output published --title "Hydrogen in hydrides"
  aiida-hpaint export 1234 5678 --output published --author "A. Author (Institute)" \\
      --description "What DFT says of 80 hydrides" --reference "arXiv:2601.01959"
  aiida-hpaint export --check downloaded.aiida
"""

RESULTS = {
    BENCHMARK: "rows",
    RESTORATION: "samples",
    VALIDATION: "table",
    STRUCTURE: "structure",
}
"""Outputs that there is nothing to publish without."""


@click.command(help=HELP)
@click.argument("sources", nargs=-1, metavar="PK|GROUP...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder, which is not there yet or empty.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Only walk through an archive that is there; nothing is imported.",
)
@click.option("--licence", default="CC-BY-4.0", show_default=True, help="Of the data.")
@click.option("--title", default="Restored crystal structures", help="Of the README.")
@click.option("--author", "authors", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--description", default="", metavar="TEXT", help="What the data are.")
@click.option("--keyword", "keywords", multiple=True, metavar="WORD", help="May be repeated.")
@click.option(
    "--reference", "references", multiple=True, metavar="TEXT", help="A paper; may be repeated."
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
    """Write what goes beside a paper."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

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
        gaps = _export(sources, output, flags)
    if gaps:
        raise click.exceptions.Exit(1)


def _export(sources: Sequence[str], output: Path, flags: Mapping[str, Any]) -> Sequence[str]:
    """Write everything; what is missing."""
    from aiida_hpaint.publication import About, readme, write_archive
    from aiida_hpaint.publication.archive import ARCHIVE
    from aiida_hpaint.publication.shortfalls import shortfalls

    nodes, groups = _processes(sources)
    kinds = [_kind(node) for node in nodes]
    # AiiDA would list its rules of traversal; opening the database undoes this.
    logging.getLogger("aiida.export").setLevel(logging.WARNING)
    failed = [shortfalls(node) for node in nodes]
    output.mkdir(parents=True, exist_ok=True)
    archive = write_archive(nodes, output / ARCHIVE, groups)
    names = _folders(nodes, kinds)
    for node, kind, name in zip(nodes, kinds, names, strict=True):
        write_process(node, kind, output / name)
    told = {name: (kind, node.uuid) for name, kind, node in zip(names, kinds, nodes, strict=True)}
    about = About(**{field.name: flags[field.name] for field in fields(About)})
    lines = dict(zip(names, failed, strict=True))
    text = readme(archive, told, flags["licence"], flags["title"], about, lines)
    (output / "README.md").write_text(text, encoding="utf-8")
    _write_sums(output)
    for name, each in lines.items():
        for line in each:
            click.echo(f"{name}: {line}", err=True)
    _tell_gaps(archive.gaps)
    click.echo(f"{len(nodes)} processes with {len(archive.jobs)} jobs are in {output}")
    return archive.gaps


def _check(path: Path) -> Sequence[str]:
    """Walk through an archive of anyone; what is missing."""
    from aiida.common.exceptions import AiidaException

    from aiida_hpaint.publication import walk
    from aiida_hpaint.science.structures import escape_control_characters

    try:
        archive = walk(path)
    except AiidaException as error:
        raise click.ClickException(
            f"{path} cannot be read ({error}): see `verdi archive migrate`"
        ) from None
    _tell_gaps(archive.gaps)
    click.echo(f"{path}: {len(archive.jobs)} jobs, {len(archive.gaps)} things are missing")
    for name, sha256 in archive.weights:
        click.echo(escape_control_characters(f"  {name}: weights with the sha256 {sha256}"))
    return archive.gaps


def _tell_gaps(gaps: Sequence[str]) -> None:

    from aiida_hpaint.science.structures import escape_control_characters

    for gap in gaps:
        click.echo(f"Missing: {escape_control_characters(gap)}", err=True)


def _processes(sources: Sequence[str]) -> tuple[list[ProcessNode], list[Group]]:
    """Processes of PKs, UUIDs and labels of groups, each once, and the groups.

    Raises
    ------
    ClickException
        If something is neither, or a group has none.
    """
    from aiida.orm import ProcessNode

    found: dict[str, ProcessNode] = {}
    groups: list[Group] = []
    for source in sources:
        nodes, group = _load(source)
        processes = [node for node in nodes if isinstance(node, ProcessNode)]
        if not processes:
            raise click.ClickException(f"{source} is no process, and no group with processes")
        found |= {node.uuid: node for node in processes}
        groups += [] if group is None else [group]
    return list(found.values()), groups


def _load(source: str) -> tuple[list[Node], Group | None]:
    """What a PK, a UUID or a label of a group stands for."""
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_group, load_node

    from aiida_hpaint.campaigns.group import CampaignGroup

    try:
        return [load_node(source)], None
    except (NotExistent, MultipleObjectsError, ValueError):
        pass
    try:
        group = load_group(source)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise click.ClickException(f"there is no node and no group {source}") from None
    # A campaign leaves out hosts that were restored already: that is part of it.
    elsewhere = group.elsewhere if isinstance(group, CampaignGroup) else {}
    nodes = [*group.nodes, *(load_node(uuid) for uuid in elsewhere)]
    if isinstance(group, CampaignGroup):
        nodes = [node for node in nodes if not _is_void(node)]
    # PKs, and so the order of a group, are others where it was imported.
    return sorted(nodes, key=lambda node: (node.ctime, node.uuid)), group


def _is_void(node: Node) -> bool:
    """Whether a chunk of a campaign died without a sample; the hosts are in another one."""
    from aiida.orm import ProcessNode

    if not isinstance(node, ProcessNode) or not node.is_terminated:
        return False
    if _has_result(node, RESTORATION):
        return False
    click.echo(f"Left out: restoration {node.pk} ended without a sample", err=True)
    return True


def _kind(node: ProcessNode) -> str:
    """What a process is.

    Raises
    ------
    ClickException
        If it is nothing that is published, has not ended, or has no result.
    """
    if not node.is_terminated:
        raise click.ClickException(
            f"node {node.pk} has not ended yet: `verdi process show {node.pk}`"
        )
    kind = _known_kind(node)
    if not _has_result(node, kind):
        raise click.ClickException(
            f"{kind} {node.pk} has no {RESULTS[kind]}: `verdi process report {node.pk}` says why"
        )
    return kind


def _has_result(node: ProcessNode, kind: str) -> bool:
    """Whether there is something to publish; of a restoration also what came before its end."""
    if kind != RESTORATION:
        return RESULTS[kind] in node.outputs
    from aiida_hpaint.workflows.restore.progress import get_samples

    return get_samples(node) is not None


def _known_kind(node: ProcessNode) -> str:
    if node.process_label == "RestoreHydrogenWorkChain":
        return STRUCTURE
    inputs = node.inputs.graph_inputs if "graph_inputs" in node.inputs else {}
    for name, kind in (("complete", BENCHMARK), ("hosts", RESTORATION), ("structures", VALIDATION)):
        if name in inputs:
            return kind
    raise click.ClickException(
        f"node {node.pk} ({node.process_label}) is no restoration, validation or benchmark"
    )


def _folders(nodes: Sequence[ProcessNode], kinds: Sequence[str]) -> list[str]:
    from aiida_hpaint.science.structures import make_safe_names

    # PKs differ from profile to profile, labels are for the reader.
    pairs = zip(kinds, nodes, strict=True)
    return make_safe_names(f"{kind} {node.label}" if node.label else kind for kind, node in pairs)


def _write_sums(folder: Path) -> None:
    """SHA256SUMS, as sha256sum reads it."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            lines.append(f"{hash_file(path)}  {path.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
