"""The result of a count, as tables, files and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.errors import CommandError

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.table import Table

    from aiida_hpaint.science.structures import StructureBatch

__all__ = ["is_count", "read_count", "refuse_another_host", "report_count"]

_COUNTS = "counts.json"
_VOLTAGES = "voltages.csv"


def is_count(node: ProcessNode) -> bool:
    """Return whether a process counts missing sites."""
    return bool(node.base.links.get_incoming(link_label_filter="graph_inputs__bare").all())


def read_count(node: ProcessNode) -> tuple[dict[str, Any], StructureBatch | None, StructureBatch]:
    """Return the report of a count, the structure with the most likely number, and the host.

    Raises
    ------
    ClickException
        If there is no result, because it still runs or has failed.
    """
    from aiida_hpaint.cli.session import describe_end
    from aiida_hpaint.data.structure_batch import read_structure

    if "counting" not in node.outputs and not node.is_terminated:
        raise click.ClickException(
            f"node {node.pk} is still running: `aiida-hpaint status {node.pk}` shows its progress"
        )
    if "counting" not in node.outputs:
        raise click.ClickException(
            f"node {node.pk} ended without a result ({describe_end(node)}): "
            f"`verdi process report {node.pk}`"
        )
    best = node.outputs.structure if "structure" in node.outputs else None
    structure = None if best is None else read_structure(best)
    return node.outputs.counting.get_dict(), structure, node.inputs.graph_inputs.host.batch


def refuse_another_host(label: str, output: Path) -> None:
    """Refuse an output folder with the count of another host, which would be mixed with this one.

    Raises
    ------
    CommandError
        If an earlier run counted another host there.
    """
    with suppress(OSError, ValueError, TypeError, KeyError):
        other = json.loads((output / _COUNTS).read_text(encoding="utf-8"))["host"]
        if other != label:
            raise CommandError(
                f"{output} has the count of {other}: choose another folder with --output"
            )


def report_count(
    found: Mapping[str, Any],
    structure: StructureBatch | None,
    host: StructureBatch,
    output: Path,
    node: ProcessNode | None,
    as_json: bool,
) -> None:
    """Write files, and show a count as text or JSON.

    Raises
    ------
    ClickException
        If something failed that is not in the table.
    """
    from aiida_hpaint.cli.console import echo_json, print_table, show_provenance_commands

    _write(found, structure, host, output)
    if as_json:
        process = None if node is None else {"pk": node.pk, "uuid": str(node.uuid)}
        echo_json({"process": process, "output": str(output), **found})
        say_what_failed(node)
        return
    click.echo(f"Missing {found['element']} in {found['host']}")
    print_table(make_counts_table(found))
    for line in [*describe_rows(found), "", describe_counts(found)]:
        click.echo(line)
    click.echo(f"Tables and the lowest structure are in {output}")
    if node is not None:
        show_provenance_commands(node)
    say_what_failed(node)


def say_what_failed(node: ProcessNode | None) -> None:
    """End with status 1 and the reason if something failed that is not in the table."""
    from aiida_hpaint.cli.session import describe_end

    if node is not None and not node.is_finished_ok:
        reason = node.exit_message or describe_end(node)
        raise click.ClickException(
            f"the table is incomplete: {reason} (`verdi process report {node.pk}`)"
        )


def make_counts_table(found: Mapping[str, Any]) -> Table:
    """Return the figures of each number, the most likely first; `describe_rows` has the words."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    titles = (f"{name}\nweight" for name in ("energy", "charge", "valence"))
    energies = ("above hull\neV/atom", "last step\neV", "stable for mu\neV")
    for title in ("missing", "score", *titles, *energies):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found["counts"]:
        weights = (row[f"weight_{name}"] for name in ("energy", "charge", "valence"))
        table.add_row(
            str(row["count"]),
            f"{row['score']:.3f}",
            *(_number(weight, ".2f") for weight in weights),
            _number(row["above_hull"], ".3f"),
            _number(row["step"], "+.2f"),
            _window(row["window"]),
        )
    return table


def describe_rows(found: Mapping[str, Any]) -> list[str]:
    """Return one line for each number that has oxidation states, decomposes, or needs a note."""
    lines = []
    for row in found["counts"]:
        parts = [row["states"] or "", row["note"]]
        if row["decomposition"]:
            parts.insert(1, f"decomposes to {', '.join(row['decomposition'])}")
        if said := "; ".join(part for part in parts if part):
            lines.append(f"{row['count']} {found['element']}: {said}")
    return lines


def describe_counts(found: Mapping[str, Any]) -> str:
    """Return the conclusion of the table as text, for ions of metals with their voltages."""
    from aiida_hpaint.science.counting.voltages import describe_plateaus

    best, element = found["best"], found["element"]
    conclusion = f"{best} {element} missing" if best else f"No {element} is missing"
    lines = [f"{conclusion} (margin of the score: {found['margin']:.3f})."]
    if found["note"]:
        lines.append(f"Check the table: {found['note']}.")
    if found["contradiction"]:
        lines.append(f"Check the table: {found['contradiction']}.")
    if best and best == max(row["count"] for row in found["counts"]):
        lines.append("It is the largest number that was tried: try more with --max.")
    if voltages := describe_plateaus(found):
        lines.append(f"{voltages}.")
    return "\n".join(lines)


def _write(
    found: Mapping[str, Any],
    structure: StructureBatch | None,
    host: StructureBatch,
    folder: Path,
) -> None:
    from aiida_hpaint.science.counting.results import format_counts_csv
    from aiida_hpaint.science.counting.voltages import find_plateaus, format_voltages_csv
    from aiida_hpaint.science.outputs import open_staging
    from aiida_hpaint.science.structures import make_safe_name, remove_restored, write_restored

    name = make_safe_name(found["host"])
    with open_staging(folder) as staging:
        (staging / _COUNTS).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        (staging / "counts.csv").write_text(format_counts_csv(found), encoding="utf-8")
        if has_voltages := bool(find_plateaus(found)):
            (staging / _VOLTAGES).write_text(format_voltages_csv(found), encoding="utf-8")
        if structure is not None:
            write_restored(structure, staging, name, host=host)
    if not has_voltages:
        (folder / _VOLTAGES).unlink(missing_ok=True)
    if structure is None:
        remove_restored(folder, name)


def _number(value: float | None, form: str) -> str:
    if value is None:
        return "-"
    return format(abs(value) if float(format(value, form)) == 0 else value, form)  # no -0.000


def _window(window: list[float | None] | None) -> str:
    if window is None:
        return "-"
    low, high = window
    if low is None or high is None:
        return f"below {high:+.2f}" if high is not None else f"above {low or 0.0:+.2f}"
    return f"{low:+.2f} to {high:+.2f}"
