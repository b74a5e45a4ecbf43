"""aiida-hpaint demo: restore crystals whose hydrogen is known, and compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.errors import CommandError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from aiida_hpaint.science.evaluation import Comparison
    from aiida_hpaint.science.report.host_results import HostResult
    from aiida_hpaint.science.structures import StructureBatch

_HELP = """Restore crystals whose hydrogen is known, and compare.

FOLDER contains hosts/NAME.cif, without hydrogen, and references/NAME.cif, with it. The hosts are
restored through the AiiDA daemon, and only then compared with the references, site by site.

\b
Examples:
  aiida-hpaint demo examples
  aiida-hpaint demo examples --protocol stringent --output restored
"""


@click.command(help=_HELP)
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER"
)
@options.add_restoration_options
@options.add_output_option("CIFs and tables", "runs/demo")
@click.pass_obj
def demo(obj: dict[str, Any], /, folder: Path, output: Path, **flags: Any) -> None:
    """Restore crystals whose hydrogen is known, and compare."""
    from aiida_hpaint.cli.console import make_console, show_provenance_commands
    from aiida_hpaint.cli.restore.run import prepare_task, submit_task, wait_for_samples
    from aiida_hpaint.cli.tables import describe_unrestored, write_host_files
    from aiida_hpaint.science.report import Process, group_rows_by_host, write_reports

    references = read_references(folder / "references")
    files = [str(path) for path in _list_cifs(folder / "hosts")]
    task = prepare_task(files, {**flags, "protocol": flags["protocol"] or "fast"})
    node = submit_task(obj["profile"], task)
    samples = wait_for_samples(node)
    results = group_rows_by_host(samples, task.hosts)
    written = write_host_files(results, samples, output)
    rows = [(result, compare_with_reference(result, references)) for result in results]
    make_console().print(make_comparison_table(rows))
    for line in describe_unrestored(results):
        click.echo(f"Not restored: {line}", err=True)
    matched = sum(found is not None and found.match for _, found in rows)
    click.echo(f"{matched} of {len(rows)} crystals are as published.")
    click.echo(f"{len(written)} CIFs are in {output}, and as many with all sites relaxed.")
    page = write_reports(results, output, process=Process(node.pk, node.uuid))
    click.echo(f"Report, to open in a browser: {page}")
    show_provenance_commands(node)


def read_references(folder: Path) -> dict[str, StructureBatch]:
    """Read published structures, by label; their hydrogen is marked as inserted."""
    from aiida_hpaint.science.structures import read_hosts, remove_sites

    _, references = remove_sites(read_hosts(_list_cifs(folder)), "H")
    return {one.labels[0]: one for one in references}


def compare_with_reference(
    result: HostResult, references: dict[str, StructureBatch]
) -> Comparison | None:
    """Compare the best candidate with its reference; return None if one of them is missing."""
    from aiida_hpaint.science.evaluation import compare

    reference = references.get(result.label)
    if result.best is None or reference is None:
        return None
    return compare(result.best, reference)


def make_comparison_table(rows: list[tuple[HostResult, Comparison | None]]) -> Table:
    """Return a table with a row for each host: energy, distances to published sites, match."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Restored hydrogen against the published positions")
    for title in ("host", "inserted"):
        table.add_column(title, overflow="fold")
    table.add_column("energy of the best\neV", justify="right")
    table.add_column("distance to the published site\nÅ, each inserted site")
    table.add_column("match")
    for result, found in rows:
        best = result.best
        energy = "-" if best is None else f"{best.scalars['energy'][0]:.3f}"
        distances = "-" if found is None else " ".join(f"{d:.2f}" for d in found.site_distances)
        match: str | Text = "-"
        if found is not None:
            match = Text("yes", style="green") if found.match else Text("no", style="red")
        table.add_row(result.label, result.inserted, energy, distances, match)
    return table


def _list_cifs(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.cif"))
    if not found:
        raise CommandError(
            f"there is no CIF in {folder}: FOLDER needs hosts/*.cif and references/*.cif"
        )
    return found
