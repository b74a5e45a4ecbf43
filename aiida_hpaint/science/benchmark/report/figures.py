"""The figures of a report, each alone and all on one page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure, FigureBase

from aiida_hpaint.science.benchmark.report.agreement_figure import draw_potentials, has_potentials
from aiida_hpaint.science.benchmark.report.distribution_figures import (
    draw_distances,
    draw_energies,
)
from aiida_hpaint.science.benchmark.report.figure_style import styled
from aiida_hpaint.science.benchmark.report.rate_figures import draw_costs, draw_rates, draw_splits
from aiida_hpaint.science.benchmark.report.runs import Run

WIDTH = 9.4
"""Inches, of a figure and of the page."""


@dataclass(frozen=True)
class Panel:
    """A figure of the report.

    Attributes
    ----------
    name : of its file, without ending.
    caption : what it shows, in one sentence.
    draw : draws it for some runs.
    height : inches.
    height_of_run : inches more for each generator.
    of_relaxed : whether it shows relaxed samples only.
    of_potentials : whether it shows several potentials.
    """

    name: str
    caption: str
    draw: Callable[[FigureBase, Sequence[Run]], None]
    height: float
    height_of_run: float = 0.0
    of_relaxed: bool = False
    of_potentials: bool = False

    def inches(self, runs: Sequence[Run]) -> float:
        """Its height for some runs."""
        return self.height + self.height_of_run * len(runs)


PANELS = (
    Panel(
        "success",
        "Share of hosts that are right against the number k of samples, expected over the choice "
        "of k among those drawn, or, with a funnel, of candidates relaxed in the order of their "
        "scores; bands are one standard error (bootstrap over hosts).",
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
        "Distances to the reference as drawn (filled) and relaxed (line), as shares of samples; "
        "values beyond an axis are counted at its end.",
        draw_distances,
        0.9,
        1.15,
    ),
    Panel(
        "costs",
        "Lower-energy success (circles) and match of the lowest (squares) against the mean cost "
        "of a host; error bars are one standard error.",
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


def panels_of(runs: Sequence[Run]) -> list[Panel]:
    """The figures that there are for some runs."""
    relaxed = any(run.relaxed for run in runs)
    several = any(has_potentials(run) for run in runs)
    return [
        panel
        for panel in PANELS
        if (relaxed or not panel.of_relaxed) and (several or not panel.of_potentials)
    ]


def draw(panel: Panel, runs: Sequence[Run]) -> Figure:
    """One figure of the report."""
    with styled():
        figure = Figure(figsize=(WIDTH, panel.inches(runs)), layout="constrained")
        panel.draw(figure, runs)
    return figure


def draw_page(runs: Sequence[Run]) -> Figure:
    """All figures, one below the other."""
    panels = panels_of(runs)
    heights = [panel.inches(runs) for panel in panels]
    with styled():
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        grid = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)
        for panel, part in zip(panels, grid[:, 0], strict=True):
            panel.draw(part, runs)
    return figure


def as_svg(figure: Figure) -> bytes:
    """A figure as SVG, without fonts or anything else that lies elsewhere."""
    file = io.BytesIO()
    with styled():
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Save a figure as PNG or PDF, by the ending of its name."""
    undated = {"CreationDate": None} if path.suffix == ".pdf" else None
    with styled():
        figure.savefig(path, dpi=160, metadata=undated)
