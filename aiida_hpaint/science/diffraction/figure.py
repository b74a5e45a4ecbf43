"""Figure of powder patterns over each other, and of the measured one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from aiida_hpaint.science.diffraction.agreement import Agreement
from aiida_hpaint.science.diffraction.measurement import Measurement
from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.types import FloatArray

__all__ = ["draw_fits", "draw_patterns"]


def draw_patterns(
    grid: FloatArray, profiles: FloatArray, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw patterns (C, G) over each other, and under them their differences from the first."""
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    colours = matplotlib.colormaps["tab10"]
    shown = 100 * profiles / profiles.max()
    for row, label in enumerate(labels):
        above.plot(grid, shown[row], color=colours(row % 10), linewidth=1, label=label)
        if row:
            below.plot(grid, shown[row] - shown[0], color=colours(row % 10), linewidth=1)
    above.set(ylabel="intensity (%)", title=title)
    below.set(xlabel="2θ (°)", ylabel=f"minus {labels[0]}")
    above.title.set_parse_math(False)
    below.yaxis.label.set_parse_math(False)
    above.legend(frameon=False, fontsize="small")
    with replace_file(path) as part:
        figure.savefig(part, dpi=150)


def draw_fits(
    measurement: Measurement,
    agreements: Sequence[Agreement],
    labels: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw the measured pattern with each calculated one, and their differences."""
    rows = len(agreements)
    figure = Figure(figsize=(8, 1.0 + 2.4 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, 1, sharex=True))
    for axes, agreement, label in zip(panels, agreements, labels, strict=True):
        difference = measurement.intensities - agreement.calculated
        low = measurement.intensities.min() - difference.max()
        axes.plot(measurement.two_theta, measurement.intensities, ".", color="0.5", markersize=2)
        axes.plot(measurement.two_theta, agreement.calculated, color="tab:red", linewidth=1)
        axes.plot(measurement.two_theta, agreement.background, color="0.7", linewidth=0.8)
        axes.plot(measurement.two_theta, low + difference, color="tab:blue", linewidth=0.8)
        axes.set_title(f"{label}: Rwp {100 * agreement.r_weighted:.2f} %", parse_math=False)
        axes.set_yticks([])
    panels[-1].set_xlabel("2θ (°)")
    figure.suptitle(title)
    with replace_file(path) as part:
        figure.savefig(part, dpi=150)
