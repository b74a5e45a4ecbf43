"""The result of a validation by DFT, as a table and as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from aiida_hpaint.science.evaluation.validation import VALIDATION_FILENAME
from aiida_hpaint.science.outputs import open_staging
from aiida_hpaint.science.structures import make_safe_names, write_cif
from aiida_hpaint.science.structures.writing.versions import RELAXED

if TYPE_CHECKING:
    from aiida_hpaint.science.structures import StructureBatch
    from aiida_hpaint.workflows.validate.results import Validation

Row = Mapping[str, str]


def report_validation(found: Validation, output: Path) -> bool:
    """Show table and rates of what was written; return whether DFT relaxed all structures."""
    from aiida_hpaint.cli.console import print_table

    if not found.rows:
        click.echo("DFT: there was no candidate to relax.")
        return True
    print_table(make_validation_table(found.rows))
    for line in describe_rates(found.summary):
        click.echo(line)
    failed = found.summary["failed"]
    for entry in failed:
        number = "" if entry["role"] == "reference" else f" {entry['rank'] + 1}"
        name = f"{entry['label']}, {entry['role']}{number}"
        click.echo(f"Without energy: {name}: {entry['message']}", err=True)
    click.echo(
        f"The lowest structure of each host by DFT (*_dft.cif) and {VALIDATION_FILENAME} are in "
        f"{output}"
    )
    return not failed


def write_validation(found: Validation, output: Path, hosts: StructureBatch | None = None) -> None:
    """Write the lowest structure of each host by DFT as CIF, and the table as CSV.

    Hosts with what is known of their sources are found by their labels, where these are unique.
    """
    counts = Counter(() if hosts is None else hosts.labels)
    known = {} if hosts is None else {h.labels[0]: h for h in hosts if counts[h.labels[0]] == 1}
    batch = [] if found.structures is None else list(found.structures)
    names = make_safe_names(one.labels[0] for one in batch)
    with open_staging(output) as staging:
        (staging / VALIDATION_FILENAME).write_text(found.table, encoding="utf-8")
        for one, name in zip(batch, names, strict=True):
            host = known.get(one.labels[0])
            write_cif(one, staging / f"{name}_dft.cif", host=host, version=RELAXED)


def make_validation_table(rows: list[dict[str, str]]) -> Table:
    """Return a table with a row for each structure: DFT energies, matches, and cost."""
    table = Table(title="By DFT")
    table.add_column("host", overflow="fold")
    table.add_column("structure")
    table.add_column("status")
    with_reference = any(row["role"] == "reference" for row in rows)
    compared = ("above reference\nmeV/atom", "match\nbefore, after") if with_reference else ()
    for title in ("above lowest\nmeV/atom", *compared, "moved\nÅ", "steps", "scf", "time\ns"):
        table.add_column(title, justify="right")
    for row in rows:
        is_reference = row["role"] == "reference"
        name = "reference" if is_reference else f"candidate {int(row['rank']) + 1}"
        table.add_row(row["label"], name, row["status"], *_numbers(row, with_reference))
    return table


def describe_rates(summary: Mapping[str, Any]) -> list[str]:
    """Describe rates in words; none without references."""
    compared = summary["compared"]
    lines = []
    if compared:
        spread = summary["energy_difference"]
        lines.append(
            f"Lowest by DFT against {compared} references: {_percent(summary['match'])} match "
            f"({_percent(summary['match_before'])} before), {_percent(summary['les'])} match or "
            f"are lower (LES); energy difference {spread['median']:+.1f} meV/atom (median)"
        )
    if summary["first_stays_first"] is not None:
        rate = summary["first_stays_first"]
        lines.append(
            f"The lowest candidate of the potential is the lowest by DFT for {_percent(rate)} of "
            f"{rate['n']} hosts"
        )
    return lines


def _numbers(row: Row, with_reference: bool) -> list[str]:
    numbers = [_milli(row["above_best"])]
    if with_reference:
        matches = f"{_yes(row['match_before'])}, {_yes(row['match_after'])}"
        numbers += [_milli(row["above_reference"]), "" if row["role"] == "reference" else matches]
    moved = f"{float(row['moved']):.2f}" if row["moved"] else "-"
    seconds = f"{float(row['seconds'] or 0):.0f}"
    return [*numbers, moved, row["ionic_steps"] or "-", row["scf_iterations"] or "-", seconds]


def _milli(value: str) -> str:
    return f"{1000 * float(value):.1f}" if value else "-"


def _yes(value: str) -> str:
    return {"True": "yes", "False": "no"}.get(value, "-")


def _percent(rate: Mapping[str, Any]) -> str:
    return f"{100 * rate['value']:.0f} %"
