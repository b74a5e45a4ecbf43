"""Figure and table of a comparison of potentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from aiida_hpaint.science.benchmark.report.figure_style import BASELINE, FAINT, PALETTE, shown
from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.benchmark.statistics.agreement import Energies, collect_energies
from aiida_hpaint.science.evaluation.success import Rate

HEAD = (
    "potential",
    "its lowest matches",
    "where others do not",
    "none wrong below the reference",
    "margin: median, least (meV/atom)",
    "another lowest",
    "Kendall's tau",
    "Pearson's r",
    "Spearman's rho",
    "deviation (meV/atom)",
    "CPU s an evaluation",
)

NOTE = (
    "The same candidates and references, as the first potential relaxed them, evaluated by all; "
    "that favours the first. “Where others do not”: of hosts with both matching and other "
    "candidates; of these the margin is how far the lowest wrong candidate is above the lowest "
    "right one. “Another lowest”: share of hosts where it chooses another candidate than the "
    "first, by more than 1 meV/atom. Tau: of the candidates of one host, averaged; r and rho: of "
    "energies above the reference over all hosts. In brackets 95 % intervals (Wilson's); "
    "correlations with their bootstrap errors."
)

LINEAR_BELOW = 1.0
"""meV per atom, below which axes are linear, logarithmic elsewhere."""

COLUMNS = 4


def has_potentials(run: Run) -> bool:
    """Whether several potentials evaluated what was relaxed."""
    return bool(run.summary.get("potentials"))


def draw_potentials(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Energies above the reference by other potentials against those by the one that relaxed."""
    base, others = _names(runs)
    rows = -(-len(others) // COLUMNS)
    panels = figure.subplots(rows, min(len(others), COLUMNS), squeeze=False, sharex=True)
    for axes in panels.flat[len(others) :]:
        axes.set_visible(False)
    for axes, name in zip(panels.flat, others, strict=False):
        pairs = [collect_energies(row, name) for run in runs for row in run.rows]
        _draw_pairs(axes, pairs)
        axes.set(title=shown(name), xlabel=f"{shown(base)} (meV/atom)")
    panels[0, 0].set_ylabel("above the reference (meV/atom)")


def _names(runs: Sequence[Run]) -> tuple[str, list[str]]:
    """The potential that relaxed, and the others."""
    records = [record for run in runs for record in run.summary.get("potentials", ())]
    names = list(dict.fromkeys(record["name"] for record in records))
    return names[0], names[1:]


def _draw_pairs(axes: Axes, pairs: Sequence[Energies]) -> None:
    ours = np.concatenate([pair.ours for pair in pairs]) * 1000
    theirs = np.concatenate([pair.theirs for pair in pairs]) * 1000
    matched = np.concatenate([pair.matched for pair in pairs])
    ends = 1.3 * max(np.abs([*ours, *theirs, 10.0]))
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=LINEAR_BELOW, linscale=0.6)
    axes.plot([-ends, ends], [-ends, ends], color=FAINT, lw=0.7)
    axes.axhline(0, color=FAINT, lw=0.7, ls=":")
    axes.axvline(0, color=FAINT, lw=0.7, ls=":")
    for kind, colour, text in ((False, PALETTE[1], "other"), (True, PALETTE[0], "matches")):
        at = matched == kind
        axes.scatter(ours[at], theirs[at], s=9, color=colour, alpha=0.55, lw=0, label=text)
    low = 1.3 * min(0.0, ours.min(initial=0.0), theirs.min(initial=0.0)) - 1
    axes.set(xlim=(low, ends), ylim=(low, ends))
    ticks = [tick for tick in (-100, -10, -1, 0, 1, 10, 100, 1000) if low < tick < ends]
    axes.set_xticks(ticks, [str(tick) for tick in ticks], rotation=45)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(loc="upper left", frameon=False, fontsize=7, handletextpad=0.1, labelcolor=BASELINE)


def potential_rows(records: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for each potential, below `HEAD`."""
    return [
        [
            record["name"],
            *(_rate(record.get(key)) for key in ("choice_match", "contested", "reference_lowest")),
            _margin(record.get("margin")),
            _rate(record.get("another")),
            *(_number(record.get(key)) for key in ("tau", "pearson", "spearman")),
            _scaled(record.get("deviation"), 1000, ".1f"),
            _scaled(record.get("seconds"), 1, ".3f"),
        ]
        for record in records
    ]


def _rate(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry["value"] is None:
        return "—"
    rate = Rate(entry["value"], entry["error"], entry["n"])
    return f"{rate} ({rate.interval}; n = {rate.n})"


def _number(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry["value"] is None:
        return "—"
    return f"{entry['value']:.3f} ± {entry['error']:.3f}"


def _margin(entry: Mapping[str, float] | None) -> str:
    return "—" if entry is None else f"{1000 * entry['median']:.1f}, {1000 * entry['least']:.1f}"


def _scaled(value: float | None, factor: float, form: str) -> str:
    return "—" if value is None else format(factor * value, form)
