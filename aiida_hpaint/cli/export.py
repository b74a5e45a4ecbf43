"""aiida-hpaint export."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

HELP = """Write what goes beside a paper: an AiiDA archive, tables, CIFs and a README.

SOURCES are PKs of restorations, validations, benchmarks and RestoreHydrogenWorkChains, or labels of
groups of them. The archive holds them with all that went into them and came of them, and a walk
through it tells what a reader would miss: settings, hashes of models, codes, computers,
pseudopotentials, content of nodes. Each process gets a folder with its tables and CIFs, a benchmark
its report too; the README says how to read it all again, names licence and citation; SHA256SUMS
has the digest of each file. The exit status is 1 where something is missing.

\b
Examples:
  aiida-hpaint export 1234 --output published
  aiida-hpaint export hydrides --output published --title "Hydrogen in hydrides"
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
"""Outputs that there is nothing to publish without."""


@click.command(help=HELP)
@click.argument("sources", nargs=-1, required=True, metavar="PK|GROUP...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder, which is not there yet or empty.",
)
@click.option("--licence", default="CC-BY-4.0", show_default=True, help="Of the data.")
@click.option("--title", default="Restored crystal structures", help="Of the README.")
@click.pass_obj
def export(
    obj: dict[str, Any], sources: tuple[str, ...], output: Path, licence: str, title: str
) -> None:
    """Write what goes beside a paper."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import quiet_warnings

    quiet_warnings()
    if output.exists() and any(output.iterdir()):
        raise click.UsageError(f"{output} is not empty: give a new folder")
    session.load(obj["profile"])
    from aiida_hpaint.publication import readme, write_archive
    from aiida_hpaint.publication.archive import ARCHIVE

    nodes = _processes(sources)
    kinds = [_kind(node) for node in nodes]
    # AiiDA would list its rules of traversal; opening the database undoes this.
    logging.getLogger("aiida.export").setLevel(logging.WARNING)
    output.mkdir(parents=True, exist_ok=True)
    archive = write_archive(nodes, output / ARCHIVE)
    names = _folders(nodes, kinds)
    for node, kind, name in zip(nodes, kinds, names, strict=True):
        _write(node, kind, output / name)
    told = {name: (kind, node.uuid) for name, kind, node in zip(names, kinds, nodes, strict=True)}
    (output / "README.md").write_text(readme(archive, told, licence, title), encoding="utf-8")
    _write_sums(output)
    for gap in archive.gaps:
        click.echo(f"Missing: {gap}", err=True)
    click.echo(f"{len(nodes)} processes with {len(archive.jobs)} jobs are in {output}")
    if archive.gaps:
        raise click.exceptions.Exit(1)


def _processes(sources: Sequence[str]) -> list[ProcessNode]:
    """Processes of PKs, UUIDs and labels of groups, each once.

    Raises
    ------
    ClickException
        If something is neither, or a group has none.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import Node, ProcessNode, load_group, load_node

    found: dict[str, ProcessNode] = {}
    for source in sources:
        nodes: list[Node] = []
        try:
            nodes = [load_node(source)]
        except (NotExistent, MultipleObjectsError, ValueError):
            try:
                nodes = list(load_group(source).nodes)
            except (NotExistent, MultipleObjectsError, ValueError):
                raise click.ClickException(f"there is no node and no group {source}") from None
        processes = [node for node in nodes if isinstance(node, ProcessNode)]
        if not processes:
            raise click.ClickException(f"{source} is no process, and no group with processes")
        found |= {node.uuid: node for node in processes}
    return list(found.values())


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
    if RESULTS[kind] not in node.outputs:
        raise click.ClickException(
            f"{kind} {node.pk} has no {RESULTS[kind]}: `verdi process report {node.pk}` says why"
        )
    return kind


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
    from aiida_hpaint.structures import safe_names

    # PKs differ from profile to profile, labels are for the reader.
    pairs = zip(kinds, nodes, strict=True)
    return safe_names(f"{kind} {node.label}" if node.label else kind for kind, node in pairs)


def _write(node: ProcessNode, kind: str, folder: Path) -> None:
    """The files that the commands of each kind write."""
    if kind == BENCHMARK:
        from aiida_hpaint.benchmark import show
        from aiida_hpaint.workflows.benchmark_results import load_benchmark, write_benchmark

        write_benchmark(load_benchmark(node.uuid), folder)
        show(folder)
    elif kind == STRUCTURE:
        _write_structure(node, folder)
    elif kind == RESTORATION:
        _write_restoration(node, folder)
    if kind == VALIDATION or (kind == RESTORATION and _validated(node)):
        from aiida_hpaint.cli.validation import write_validation
        from aiida_hpaint.workflows.validate_results import read_validation

        write_validation(read_validation(node), folder)


def _write_restoration(node: ProcessNode, folder: Path) -> None:
    from aiida_hpaint.cli.tables import by_host, write_files

    samples = node.outputs.samples.batch
    write_files(by_host(samples), samples, folder)


def _write_structure(node: ProcessNode, folder: Path) -> None:
    from aiida_hpaint.data.structure_batch import batch_of
    from aiida_hpaint.structures import safe_name, write_cif

    batch = batch_of(node.outputs.structure)
    folder.mkdir(parents=True, exist_ok=True)
    label = node.inputs.structure.label or batch.labels[0]
    write_cif(batch, folder / f"{safe_name(label)}.cif")


def _validated(node: ProcessNode) -> bool:
    from aiida_hpaint.workflows.validate_results import is_validated

    return is_validated(node)


def _write_sums(folder: Path) -> None:
    """SHA256SUMS, as sha256sum reads it."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
