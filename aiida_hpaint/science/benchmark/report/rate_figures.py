"""Figures of success rates: against the number of samples, by kind of host, against their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aiida_hpaint.science.benchmark.report.figure_style import (
    FAINT,
    INK,
    label_ends,
    pick_colours,
    shorten_name,
    spread_apart,
)
from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.evaluation.success import Rate
from aiida_hpaint.science.plausibility import bonding

BY_K = (
    ("lowest_match", "Lowest in energy matches"),
    ("any_match", "Any sample matches"),
    ("les", "Lower energy or match (LES)"),
)

BY_K_SAMPLED = (("any_match_unrelaxed", "Any sample matches, as sampled"),)

OF_KINDS = (("les", "LES"), ("lowest_match", "lowest matches"))

OF_KINDS_SAMPLED = (
    ("any_match_unrelaxed", "any matches, as sampled"),
    ("single_sample_match_unrelaxed", "one matches, as sampled"),
)

MARKERS: dict[str, dict[str, Any]] = {
    "les": {"marker": "o", "ms": 10, "mfc": "none", "mew": 1.5},
    "lowest_match": {"marker": "s", "ms": 5.5},
}

SPLITS = (
    ("inserted", "By inserted sites"),
    ("sites", "By all sites"),
    ("chemistry", "By chemistry"),
)

SHORT = {
    bonding.OXYGEN: "O-H",
    bonding.CARBON: "C-H",
    bonding.NONMETAL: "other",
    bonding.COMPLEX: "compl.",
    bonding.METALLIC: "metal",
    bonding.OTHER: "no H",
}
"""Short names of groups of hosts whose names are too long for an axis."""


def draw_rates(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw success rates against the number k of samples, with bands of one standard error."""
    kinds = BY_K if any(run.relaxed for run in runs) else BY_K_SAMPLED
    curves = {key: {run.name: run.rates_by_k(key) for run in runs} for key, _ in kinds}
    every = [rate for panel in curves.values() for line in panel.values() for rate in line]
    floor = min((rate.value - rate.error for rate in every), default=0.0)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    panels[0].set_ylim(max(0.0, np.floor(floor * 10 - 0.2) / 10), 1.02)
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, 0))
    for axes, (key, title) in zip(panels, kinds, strict=True):
        _draw_lines(axes, curves[key], named=axes is panels[-1])
        # What k counts: samples, or candidates that were selected by their scores.
        counted = {str(run.summary.get("k", "samples")): None for run in runs}
        unit = "samples" if key.endswith("unrelaxed") else " or ".join(counted)
        axes.set(title=title, xlabel=f"{unit} k")
    panels[0].set_ylabel("hosts")


def _draw_lines(axes: Axes, lines: dict[str, list[Rate]], named: bool) -> None:
    """Draw lines with their bands and the values at their ends, with names if `named`."""
    palette = pick_colours(list(lines))
    lines = {name: line for name, line in lines.items() if line}
    for name, line in lines.items():
        steps = np.arange(1, len(line) + 1)
        values = np.array([rate.value for rate in line])
        errors = np.array([rate.error for rate in line])
        top = np.minimum(values + errors, 1.0)
        axes.fill_between(steps, values - errors, top, color=palette[name], alpha=0.18, lw=0)
        marker = "o" if len(line) == 1 else ""
        axes.plot(steps, values, color=palette[name], lw=1.8, marker=marker)
    longest = max((len(line) for line in lines.values()), default=1)
    axes.set_xlim(1 if longest > 1 else 0.5, max(longest, 1.5))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ends = {name: line[-1].value for name, line in lines.items()}
    texts = {
        name: f"{100 * value:.0f} %{' ' + shorten_name(name) if named else ''}"
        for name, value in ends.items()
    }
    label_ends(axes, ends, texts, palette)


def draw_splits(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw LES and match of the lowest by inserted sites, all sites and chemistry."""
    kinds = OF_KINDS if any(run.relaxed for run in runs) else OF_KINDS_SAMPLED
    panels = figure.subplots(2, 3, sharex="col", sharey=True, width_ratios=[5, 4, 4])
    for column, (split, title) in enumerate(SPLITS):
        for axes, (key, _) in zip(panels[:, column], kinds, strict=True):
            _draw_bars(axes, runs, split, key)
        panels[0, column].set_title(title)
    panels[0, 0].set_ylim(0, 1.05)
    panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1, 0))
    for axes, (_, label) in zip(panels[:, 0], kinds, strict=True):
        axes.set_ylabel(label)
    if len(runs) > 1:
        _name_bars(figure, runs)


def _draw_bars(axes: Axes, runs: Sequence[Run], split: str, key: str) -> None:
    """Draw bars of one rate, a group for each kind of host in any run."""
    counts = {name: rate.n for run in runs for name, rate in run.split(split, key).items()}
    groups = list(counts)
    palette = pick_colours([run.name for run in runs])
    width = min(0.5, 0.8 / len(runs))
    for place, run in enumerate(runs):
        rates = run.split(split, key)
        at = [groups.index(name) + (place - (len(runs) - 1) / 2) * width for name in rates]
        values = [rate.value for rate in rates.values()]
        errors = [
            [rate.value - rate.low for rate in rates.values()],
            [rate.high - rate.value for rate in rates.values()],
        ]
        axes.bar(at, values, 0.92 * width, color=palette[run.name])
        axes.errorbar(at, values, errors, fmt="none", ecolor=INK, elinewidth=0.9, capsize=1.8)
    named = [f"{SHORT.get(name, name)}\nn = {n}" for name, n in counts.items()]
    axes.set_xticks(range(len(groups)), named)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=0)


def _name_bars(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Write the names of the generators in their colours above the first bars."""
    palette = pick_colours([run.name for run in runs])
    handles = [Patch(color=palette[run.name]) for run in runs]
    legend = figure.legend(
        handles,
        [shorten_name(run.name) for run in runs],
        loc="outside upper right",
        ncols=len(runs),
        frameon=False,
        handlelength=0.9,
        handleheight=0.9,
    )
    for text, run in zip(legend.get_texts(), runs, strict=True):
        text.set(color=palette[run.name], fontweight="bold")


def draw_costs(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw LES (circles) and match of the lowest (squares) against time and evaluations."""
    panels = figure.subplots(1, 2, sharey=True)
    costs = (
        ("CPU seconds per host", "seconds", "per_host"),
        ("evaluations of the potential per host", "calls", "evaluations_per_host"),
    )
    for axes, (label, group, key) in zip(panels, costs, strict=True):
        _draw_points(axes, runs, {run.name: run.cost(group, key) for run in runs})
        axes.set_xlabel(label)
    panels[0].set(ylabel="hosts", title="Cost against accuracy")
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, 0))
    marks = [Line2D([], [], color=FAINT, ls="", **marker) for marker in MARKERS.values()]
    figure.legend(
        marks, ["LES", "lowest matches"], loc="outside upper right", ncols=2, frameon=False
    )


def _draw_points(axes: Axes, runs: Sequence[Run], costs: Mapping[str, float]) -> None:
    """Draw a circle and a square for each run, joined, with its name beside them."""
    palette = pick_colours([run.name for run in runs])
    known = [cost for cost in costs.values() if np.isfinite(cost)]
    axes.set_xlim(0, 1.1 * max(known, default=1.0) or 1.0)
    ends = {}
    for run in runs:
        rates = {key: run.rate(key) for key in MARKERS}
        points = {key: rate for key, rate in rates.items() if rate is not None}
        heights = [rate.value for rate in points.values()]
        where = [costs[run.name]] * len(heights)
        axes.plot(where, heights, color=palette[run.name], lw=0.9, ls=":")
        for key, rate in points.items():
            style: Any = {"color": palette[run.name], **MARKERS[key]}
            axes.errorbar(where[0], rate.value, rate.error, capsize=2, **style)
        if heights:
            ends[run.name] = heights[0]
    low, high = axes.get_ylim()
    axes.set_ylim(max(0, low - 0.03), min(1.03, high + 0.03))
    _name_points(axes, ends, costs, palette)


def _name_points(
    axes: Axes, heights: Mapping[str, float], costs: Mapping[str, float], palette: Mapping[str, str]
) -> None:
    """Write names beside points, on the left of points with a near neighbour on the right."""
    end = axes.get_xlim()[1]
    for name, height in spread_apart(axes, heights, 0.085).items():
        others = [costs[other] for other in heights if costs[other] > costs[name]]
        is_crowded = min([*others, end]) - costs[name] < 0.4 * end
        left = is_crowded and costs[name] > 0.28 * end
        axes.annotate(
            shorten_name(name),
            (costs[name], height),
            (-10 if left else 10, 0),
            textcoords="offset points",
            color=palette[name],
            fontweight="bold",
            ha="right" if left else "left",
            va="center",
            annotation_clip=False,
        )
