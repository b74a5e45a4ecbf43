"""Figure and table of accuracy against cost, for choices of a funnel."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aiida_hpaint.science.benchmark.report.figure_style import PALETTE, styled

Records = Sequence[Mapping[str, Any]]

KINDS = (("les", "Lower energy or match (LES)"), ("lowest_match", "Lowest in energy matches"))

HEAD = ("samples", "score", "relaxed", "LES (%)", "95 %", "lowest matches (%)", "95 %", "any (%)")

COSTS = ("CPU s a host", "evaluations")

MARKS = {None: ("x", "not scored"), 0: ("o", "scored as drawn")}


def draw_choices(records: Records) -> Figure:
    """Accuracy against CPU seconds: a colour for each number of samples, a line for each score.

    Points of a line differ in the number of candidates relaxed, written beside the last line.
    """
    with styled():
        figure = Figure(figsize=(9.4, 4.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (key, title) in zip(panels, KINDS, strict=True):
            _draw_lines(axes, records, key)
            axes.set(title=title, xlabel="CPU seconds a host", xscale="log")
        panels[0].set_ylabel("hosts")
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, 0))
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=3,
            frameon=False,
        )
    return figure


def _draw_lines(axes: Axes, records: Records, key: str) -> None:
    counts = sorted({record["samples"] for record in records})
    for count, score in sorted({_line(record) for record in records}, key=str):
        line = [record for record in records if _line(record) == (count, score)]
        line.sort(key=lambda record: float(record["candidates"] or np.inf))
        colour = PALETTE[counts.index(count) % len(PALETTE)]
        marker, text = MARKS.get(score, ("s", f"scored after {score} steps"))
        seconds = [record["seconds"] for record in line]
        values = [record[key]["value"] for record in line]
        style: Any = {"color": colour, "marker": marker, "ms": 4, "lw": 1.3}
        axes.plot(seconds, values, ls="-" if score else "--", **style, label=f"{count}, {text}")
        for x, y, record in zip(seconds, values, line, strict=True):
            beside = str(record["candidates"] or "all")
            where: Any = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center"}
            axes.annotate(beside, (x, y), **where, fontsize=6, color=colour)


def _line(record: Mapping[str, Any]) -> tuple[int, int | None]:
    return record["samples"], record["score_steps"]


def choice_rows(records: Records) -> list[list[str]]:
    """A row for each choice, below `HEAD` and `COSTS`."""
    return [
        [
            str(record["samples"]),
            _score(record["score_steps"]),
            str(record["candidates"] or "all"),
            *_rate(record["les"]),
            *_rate(record["lowest_match"]),
            f"{100 * record['any_match']['value']:.1f}",
            f"{record['seconds']:.2f}",
            f"{record['evaluations']:.0f}",
        ]
        for record in records
    ]


def as_markdown(records: Records) -> str:
    """The table as Markdown."""
    head = [*HEAD, *COSTS]
    lines = [head, ["---"] * len(head), *choice_rows(records)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_choices(records: Records, path: Path) -> None:
    """Write a CSV line for each choice, its rates with errors and intervals."""
    rates = ("lowest_match", "les", "any_match")
    plain = [key for key in records[0] if key not in rates]
    parts = [(key, part) for key in rates for part in records[0][key]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*plain, *(f"{key} {part}" for key, part in parts)])
        for record in records:
            rest = (record[key][part] for key, part in parts)
            writer.writerow([*(record[key] for key in plain), *rest])


def _score(steps: int | None) -> str:
    return "none" if steps is None else "as drawn" if steps == 0 else f"{steps} steps"


def _rate(rate: Mapping[str, Any]) -> tuple[str, str]:
    value = f"{100 * rate['value']:.1f} ± {100 * rate['error']:.1f}"
    return value, f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"
