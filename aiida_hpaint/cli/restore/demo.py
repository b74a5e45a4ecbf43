"""aiida-hpaint demo: restore crystals whose hydrogen is known, and compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import RestorationCommand
from aiida_hpaint.cli.errors import CommandError

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_hpaint.science.report.host_results import HostResult
    from aiida_hpaint.science.structures import StructureBatch

_HELP = """Restore crystals whose hydrogen is known, and compare.

FOLDER contains hosts/NAME.cif, without hydrogen, and references/NAME.cif, with it, most from
neutron diffraction. There may be more in database/hosts and database/references: NAME_SOURCE.cif
is a file of another measurement, and compared with NAME.cif. The hosts are restored through the
AiiDA daemon, and only then compared with the references: distances of H, space group, and whether
pymatgen's StructureMatcher calls them the same.

\b
Examples:
  aiida-hpaint demo examples
  aiida-hpaint demo examples --no-aiida
  aiida-hpaint demo examples --protocol stringent --output restored
"""

_SAME = 0.5
"""Largest difference in Å of cells and host sites, relaxed or not, of one measurement."""

_FAR = 0.5
"""Distance in Å from which on an inserted site is another one than that published."""

_SYMPREC = 0.01
"""Distance in Å up to which published sites are equivalent."""


@click.command(cls=RestorationCommand, help=_HELP)
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER"
)
@options.add_restoration_options
@options.add_output_option("CIFs and tables", "runs/demo")
@options.add_no_aiida_option
@click.pass_obj
def demo(obj: dict[str, Any], /, folder: Path, output: Path, **flags: Any) -> None:
    """Restore crystals whose hydrogen is known, and compare."""
    from aiida_hpaint.cli.console import print_table, show_provenance_commands
    from aiida_hpaint.cli.restore.run import (
        find_process,
        prepare_task,
        run_here,
        submit_task,
        wait_for_samples,
    )
    from aiida_hpaint.cli.tables import describe_unrestored, write_host_files
    from aiida_hpaint.science.report import group_rows_by_host, write_reports

    more = folder / "database"
    references = read_references([folder / "references", more / "references"])
    files = [str(path) for path in _list_cifs([folder / "hosts", more / "hosts"])]
    task = prepare_task(files, {**flags, "protocol": flags["protocol"] or "fast"})
    node = None if flags["no_aiida"] else submit_task(obj["profile"], task)
    samples = run_here(task).samples if node is None else wait_for_samples(node)
    process = find_process(node)
    results = group_rows_by_host(samples, task.hosts, process=process)
    written = write_host_files(results, samples, output)
    rows = [compare_with_reference(result, references) for result in results]
    print_table(make_comparison_table(rows))
    for line in describe_unrestored(results):
        click.echo(f"Not restored: {line}", err=True)
    for row in rows:
        if row.has_other_symmetry:
            click.echo(
                f"Symmetry: {row.result.label} comes out as {row.group}, "
                f"published as {row.published}"
            )
    others = [row.result.label for row in rows if row.is_another_measurement]
    if others:
        click.echo(f"Compared with another measurement, as whole structures: {', '.join(others)}")
    matched = sum(bool(row.is_same) for row in rows)
    click.echo(f"{matched} of {len(rows)} crystals are as published.")
    click.echo(f"{len(written)} CIFs are in {output}, and as many with all sites relaxed.")
    page = write_reports(results, output)
    click.echo(f"Report, to open in a browser: {page}")
    if node is not None:
        show_provenance_commands(node)


def read_references(folders: Sequence[Path]) -> dict[str, StructureBatch]:
    """Read published structures, by label; their hydrogen is marked as inserted."""
    from aiida_hpaint.science.structures import read_hosts, remove_sites

    _, references = remove_sites(read_hosts(_list_cifs(folders)), "H")
    return {one.labels[0]: one for one in references}


@dataclass(frozen=True)
class ComparedHost:
    """A restored host beside its reference.

    Attributes
    ----------
    result
        Samples of the host.
    match
        Whether pymatgen's StructureMatcher calls answer and reference the same; None if one of
        them is missing.
    distance
        Largest distance of an inserted site from the published one in Å; NaN where the sites of
        the host are others than those of the reference, as in a file of another measurement.
    group, published
        Space groups of answer and reference, symbol and number.
    """

    result: HostResult
    match: bool | None = None
    distance: float = float("nan")
    group: str = "-"
    published: str = "-"

    @property
    def is_same(self) -> bool | None:
        """Whether they match, with H at the published sites as far as these can be compared."""
        return None if self.match is None else self.match and not self.distance > _FAR

    @property
    def is_another_measurement(self) -> bool:
        """Whether the reference has other host sites, so that H has no distance from its sites."""
        return self.match is not None and math.isnan(self.distance)

    @property
    def has_other_symmetry(self) -> bool:
        """Whether answer and reference have different space groups."""
        return self.match is not None and self.group != self.published


def compare_with_reference(
    result: HostResult, references: dict[str, StructureBatch]
) -> ComparedHost:
    """Compare the best candidate with the reference whose name its label begins with."""
    from aiida_hpaint.science.evaluation.matching import compute_inserted_distances, is_match

    names = [name for name in references if f"{result.label}_".startswith(f"{name}_")]
    if result.best is None or not names:
        return ComparedHost(result)
    best, reference = result.best, references[max(names, key=len)]
    is_same = _has_same_sites(best, reference)
    distances = compute_inserted_distances(best, reference) if is_same else None
    return ComparedHost(
        result,
        is_match(best, reference),
        float("nan") if distances is None else float(distances.max()),
        _name_space_group(best),
        _name_space_group(reference),
    )


def _has_same_sites(one: StructureBatch, other: StructureBatch) -> bool:
    """Return whether two structures are of one measurement: the same host sites, in one order."""
    import numpy as np

    if one.numbers.tolist() != other.numbers.tolist():
        return False
    shift = (one.frac_coords - other.frac_coords)[~other.inserted]
    shift -= np.round(shift)
    moved = np.linalg.norm(shift @ other.cells[0], axis=1).max(initial=0.0)
    return bool(np.abs(one.cells - other.cells).max() < _SAME and moved < _SAME)


def make_comparison_table(rows: Sequence[ComparedHost]) -> Table:
    """Return a table with a row for each host: distance, space groups, match."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("host", no_wrap=True)
    table.add_column("added", no_wrap=True)
    table.add_column("H off\nÅ", justify="right", no_wrap=True)
    for title in ("space group", "published", "same"):
        table.add_column(title, no_wrap=True)
    words: dict[bool | None, str | Text] = {
        None: "-",
        True: Text("yes", style="green"),
        False: Text("no", style="red"),
    }
    for row in rows:
        distance = "-" if math.isnan(row.distance) else f"{row.distance:.2f}"
        table.add_row(
            row.result.label,
            row.result.inserted,
            distance,
            row.group,
            row.published,
            words[row.is_same],
        )
    return table


def _name_space_group(one: StructureBatch) -> str:
    """Return the space group of one structure with all its sites, symbol and number.

    That of an answer is known: it was made exactly symmetric.
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    from aiida_hpaint.science.structures import to_pymatgen
    from aiida_hpaint.science.structures.writing.space_group_names import name_type

    if number := int(one.scalars.get("space_group", [0])[0]):
        return f"{name_type(number)} ({number})"
    found = SpacegroupAnalyzer(to_pymatgen(one)[0], symprec=_SYMPREC)
    return f"{found.get_space_group_symbol()} ({found.get_space_group_number()})"


def _list_cifs(folders: Sequence[Path]) -> list[Path]:
    found = [path for folder in folders for path in sorted(folder.glob("*.cif"))]
    if not found:
        raise CommandError(
            f"there is no CIF in {folders[0]}: FOLDER needs hosts/*.cif and references/*.cif"
        )
    return found
