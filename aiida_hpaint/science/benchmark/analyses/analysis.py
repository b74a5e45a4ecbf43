"""The result of an analysis: its table, its records, its figure, and what was left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure, FigureBase

from aiida_hpaint.science.benchmark.report.figure_style import PALETTE, apply_style
from aiida_hpaint.science.benchmark.report.figures import WIDTH, save_figure
from aiida_hpaint.science.outputs import open_staging
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet

UNKNOWN = "—"

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Analysis:
    """What an analysis of stored results found.

    Attributes
    ----------
    name
        Name of its files, without ending.
    title
        Sentence that says what the table shows.
    head, table
        Titles of columns, and rows of texts.
    records
        Records behind the table, as JSON.
    details
        Records of more CSV files, by what is added to the name of these.
    draw, height
        Function that draws the figure, and its height in inches.
    left_out
        One line for each thing that the stored results do not hold, or that was not compared.
    """

    name: str
    title: str
    head: tuple[str, ...]
    table: Sequence[Sequence[str]]
    records: Records
    draw: Callable[[FigureBase], None]
    height: float = 3.2
    details: Mapping[str, Records] = field(default_factory=dict)
    left_out: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the records, and what was left out."""
        return {
            "analysis": self.name,
            "title": self.title,
            "records": [dict(record) for record in self.records],
            "left_out": list(self.left_out),
        }


def write_analysis(analysis: Analysis, folder: Path) -> list[Path]:
    """Write the records as CSV files and the figure as PNG and PDF, and return their paths."""
    with apply_style():
        figure = Figure(figsize=(WIDTH, analysis.height), layout="constrained")
        analysis.draw(figure)
    tables = {"": analysis.records, **{f"_{key}": some for key, some in analysis.details.items()}}
    names = [f"{analysis.name}{ending}.csv" for ending in tables]
    with open_staging(folder) as staging:
        for name, records in zip(names, tables.values(), strict=True):
            (staging / name).write_text(format_csv(records), encoding="utf-8")
        for ending in ("png", "pdf"):
            save_figure(figure, staging / f"{analysis.name}.{ending}")
    return [folder / name for name in (*names, f"{analysis.name}.png", f"{analysis.name}.pdf")]


def format_csv(records: Records) -> str:
    """Return records as CSV with a column for each key of any; unknown values are empty."""
    buffer = io.StringIO()
    columns = list(dict.fromkeys(key for record in records for key in record))
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({key: escape_for_spreadsheet(value) for key, value in record.items()})
    return buffer.getvalue()


def flatten_rate(key: str, rate: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rate of a summary as columns: its value, and both ends of its 95 % interval."""
    return {key: rate["value"], f"{key}_low": rate["low"], f"{key}_high": rate["high"]}


def format_rate(rate: Mapping[str, Any] | None) -> str:
    """Return a rate of a summary in per cent with its 95 % interval, like 95 (85-99)."""
    if rate is None or rate["value"] is None:
        return UNKNOWN
    value, low, high = (100 * rate[key] for key in ("value", "low", "high"))
    return f"{value:.0f} ({low:.0f}-{high:.0f})"


def format_number(value: float | None, form: str = ".2f", factor: float = 1.0) -> str:
    """Return a number as text, or a dash where it is unknown."""
    return UNKNOWN if value is None else format(factor * value, form)


def pick_line_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name; a seventh gets the first colour again."""
    return {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(names)}
