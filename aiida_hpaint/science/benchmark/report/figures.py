"""Figures of a report, each alone and all on one page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure, FigureBase

from aiida_hpaint.science.benchmark.report.agreement_figure import draw_potentials
from aiida_hpaint.science.benchmark.report.distribution_figures import (
    draw_distances,
    draw_energies,
)
from aiida_hpaint.science.benchmark.report.figure_style import apply_style
from aiida_hpaint.science.benchmark.report.rate_figures import draw_costs, draw_rates, draw_splits
from aiida_hpaint.science.benchmark.report.runs import Run

WIDTH = 9.4
"""Width of a figure and of the page, inches."""


@dataclass(frozen=True)
class Panel:
    """A figure of the report.

    Attributes
    ----------
    name
        Name of its file, without ending.
    caption
        Sentence that says what it shows.
    draw
        Function that draws it for some runs.
    height, height_of_run
        Height in inches, and what each generator adds to it.
    of_relaxed, of_potentials
        Whether it shows relaxed samples only, and whether it compares potentials.
    """

    name: str
    caption: str
    draw: Callable[[FigureBase, Sequence[Run]], None]
    height: float
    height_of_run: float = 0.0
    of_relaxed: bool = False
    of_potentials: bool = False

    def inches(self, runs: Sequence[Run]) -> float:
        """Return its height for some runs, inches."""
        return self.height + self.height_of_run * len(runs)


PANELS = (
    Panel(
        "success",
        "Share of hosts that are right against the number k of samples: the expectation over all "
        "choices of k samples, or, where candidates are selected by a score, the first k of them "
        "in the order of their scores; bands are one standard error (bootstrap over hosts).",
        draw_rates,
        2.9,
    ),
    Panel(
        "splits",
        "Success by number of inserted sites, by number of all sites and by chemistry; error bars "
        "are 95 % intervals (Wilson's).",
        draw_splits,
        4.3,
    ),
    Panel(
        "energies",
        "Cumulative energy difference between the lowest sample of each host and its reference, "
        "both relaxed with the same potential (linear below 1 meV/atom), and energy that the "
        "relaxation of all ranked samples releases.",
        draw_energies,
        2.8,
        0.2,
        of_relaxed=True,
    ),
    Panel(
        "distances",
        "Distances to the reference as sampled (filled) and relaxed (line), as shares of samples; "
        "values beyond an axis are counted at its end.",
        draw_distances,
        0.9,
        1.15,
    ),
    Panel(
        "costs",
        "Lower-energy success (circles) and match of the lowest (squares) against the mean cost "
        "per host; error bars are one standard error.",
        draw_costs,
        3.0,
        of_relaxed=True,
    ),
    Panel(
        "potentials",
        "Energies of all candidates above the reference, by each other potential against the one "
        "that relaxed them (linear below 1 meV/atom); below the dotted lines a candidate is lower "
        "than the reference.",
        draw_potentials,
        3.0,
        of_relaxed=True,
        of_potentials=True,
    ),
)


def select_panels(runs: Sequence[Run]) -> list[Panel]:
    """Return the panels for which some runs have data."""
    relaxed = any(run.relaxed for run in runs)
    several = any(run.has_potentials for run in runs)
    return [
        panel
        for panel in PANELS
        if (relaxed or not panel.of_relaxed) and (several or not panel.of_potentials)
    ]


def draw_panel(panel: Panel, runs: Sequence[Run]) -> Figure:
    """Return one figure of the report."""
    with apply_style():
        figure = Figure(figsize=(WIDTH, panel.inches(runs)), layout="constrained")
        panel.draw(figure, runs)
    return figure


def draw_all_panels(runs: Sequence[Run]) -> Figure:
    """Return one figure with all panels, one below the other."""
    panels = select_panels(runs)
    heights = [panel.inches(runs) for panel in panels]
    with apply_style():
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        grid = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)
        for panel, part in zip(panels, grid[:, 0], strict=True):
            panel.draw(part, runs)
    return figure


def render_svg(figure: Figure) -> bytes:
    """Return a figure as SVG with glyphs as paths, so that it needs no fonts."""
    file = io.BytesIO()
    with apply_style():
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure as PNG or PDF, by the ending of its name."""
    undated = {"CreationDate": None} if path.suffix == ".pdf" else None
    with apply_style():
        figure.savefig(path, dpi=160, metadata=undated)
