"""aiida-hpaint provenance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_processes
from aiida_hpaint.cli.errors import CommandError

if TYPE_CHECKING:
    from aiida.orm import StructureData

    from aiida_hpaint.queries import ProvenanceRecord

_HELP = """Show the provenance of a structure, or of all structures of a process.

PK is that of a structure, or of the process that `aiida-hpaint restore` has printed. The record has
host, sample, seed, model, potential, settings, jobs and computers of a structure from a
restoration, a validation (the lowest by DFT, or any other that it relaxed) or a
RestoreHydrogenWorkChain.

--graph draws it: the hosts, each stage with its model and jobs, and the structures. `verdi node
graph generate PK` draws every node instead, and needs the program dot of Graphviz.

\b
Examples:
  aiida-hpaint provenance PK
  aiida-hpaint provenance PK --json > provenance.json
  aiida-hpaint provenance PK --graph provenance.svg
"""

_SHOWN = 5
"""Most structures of a process whose records are printed."""


@click.command(cls=Command, help=_HELP)
@click.argument("pk", metavar="PK", shell_complete=complete_processes)
@options.add_json_option
@click.option(
    "--graph",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE.svg",
    help="Picture of hosts, stages and structures to write.",
)
@click.pass_obj
def provenance(obj: dict[str, Any], pk: str, as_json: bool, graph: Path | None) -> None:
    """Show the provenance of a structure, or of all structures of a process."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    if graph is not None and graph.suffix.lower() != ".svg":
        raise CommandError(f"--graph {graph}: the picture is SVG: choose a name that ends in .svg")
    session.load_profile(obj["profile"])
    from aiida_hpaint.queries import list_structures, trace_structure

    nodes = list_structures(pk)
    if graph is not None:
        _draw([trace_structure(node) for node in nodes], graph)
    elif as_json:
        _show_json([trace_structure(node) for node in nodes])
    else:
        _show_text(nodes)


def _draw(records: Sequence[ProvenanceRecord], path: Path) -> None:
    from aiida_hpaint.queries import draw_provenance
    from aiida_hpaint.science.outputs import replace_text

    replace_text(path, draw_provenance(records))
    click.echo(f"Wrote {path}")


def _show_json(records: Sequence[ProvenanceRecord]) -> None:
    from dataclasses import asdict

    from aiida_hpaint.cli.console import echo_json

    found = [{**asdict(record), "computers": record.computers} for record in records]
    echo_json(found[0] if len(found) == 1 else found)


def _show_text(nodes: Sequence[StructureData]) -> None:
    from aiida_hpaint.queries import trace_structure
    from aiida_hpaint.queries.formatting import format_provenance

    for number, node in enumerate(nodes[:_SHOWN]):
        click.echo(("\n" if number else "") + format_provenance(trace_structure(node)))
    if len(nodes) > _SHOWN:
        more = ", ".join(str(node.pk) for node in nodes[_SHOWN:])
        click.echo(f"\nThe process has {len(nodes) - _SHOWN} more structures: {more}")
