"""Figure of the distances of inserted sites from their final positions, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aiida_hpaint.science.evaluation.trajectories import Deviations
from aiida_hpaint.science.outputs import replace_file

FORMATS = ("png", "pdf", "svg")

NAMED = 10
"""Largest number of samples that the legend names."""


def check_format(path: Path) -> None:
    """Check that matplotlib can write a figure with this file name.

    Raises
    ------
    ValueError
        If its ending is not one of `FORMATS`.
    """
    if path.suffix.lower().lstrip(".") not in FORMATS:
        raise ValueError(f"{path}: a figure ends in one of .{', .'.join(FORMATS)}")


def plot_deviations(
    found: Deviations, labels: Sequence[str], path: Path, title: str = "", target: str = "the end"
) -> None:
    """Draw the positions of each sample as a thin line and its means as a bold one.

    Parameters
    ----------
    found
        Distances of R samples.
    labels
        Names of the R samples.
    path
        File to write: png, pdf or svg.
    title
        Title of the figure.
    target
        What the distances are measured from.
    """
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot(
        xlabel="step", ylabel=f"RMSD of the inserted sites from {target} (Å)", title=title
    )
    colours = matplotlib.colormaps["tab10" if len(labels) <= NAMED else "viridis"]
    for row, label in enumerate(labels):
        colour = colours(row if len(labels) <= NAMED else row / (len(labels) - 1))
        axes.plot(found.steps, found.positions[row], color=colour, linewidth=0.7, alpha=0.8)
        known = ~np.isnan(found.means[row])
        steps, means = found.steps[known], found.means[row, known]
        axes.plot(steps, means, color=colour, linewidth=2.0, label=label)
    # A $ in a name must not start a formula.
    axes.title.set_parse_math(False)
    axes.set_xlim(0, found.steps[-1])
    axes.set_ylim(bottom=0)
    if len(labels) <= NAMED:
        axes.legend(title="bold: means", frameon=False)
    _show_times(axes, found)
    with replace_file(path) as part:
        figure.savefig(part, dpi=150)


def _show_times(axes: Axes, found: Deviations) -> None:
    """Add an axis with the diffusion time on top, for schemes in which it only falls."""
    if np.isnan(found.times).any():
        return
    marks = np.unique(np.linspace(0, len(found.steps) - 1, 6).astype(int))
    top = axes.secondary_xaxis("top")
    top.set_xticks(found.steps[marks], [f"{found.times[mark]:.2g}" for mark in marks])
    top.set_xlabel("diffusion time")
