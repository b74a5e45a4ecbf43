"""GIF animations of inserted sites that move to their final positions."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.scenes import Scene, make_scene
from aiida_hpaint.science.structures.trajectory import Recording
from aiida_hpaint.science.types import FloatArray
from aiida_hpaint.science.viewer import INSERTED

MOST_FRAMES = 120
"""Largest number of frames; longer trajectories are thinned."""

REST = 1.5
"""Seconds for which the last frame is shown."""

_MARGIN = 0.8
"""Space around the crystal, Å."""

_WIDTH = 4.5
"""Width of the picture, inches."""


def animate(recording: Recording, row: int, path: Path, frames_per_second: int = 12) -> int:
    """Write the trajectory of one sample as a GIF; host and cell stand still.

    Sites on a face, edge or corner of the cell are drawn with their periodic images there, metals
    with their neighbours. Bonds are drawn where atoms are as close as in bonds.

    Parameters
    ----------
    row
        Index of the sample.
    path
        File to write.

    Returns
    -------
    int
        Number of different frames; the last one stays for a while.
    """
    sample, trajectory = recording.samples[row], recording.trajectory
    positions = trajectory.positions[:, trajectory.sites(row)].astype(np.float64)
    steps = np.append(0, trajectory.steps)
    scenes = [
        make_scene(_place(sample, one), hydrogen_bonds=False, through_inserted=False)
        for one in positions
    ]
    figure, axes = _make_axes(scenes[-1])
    writer = PillowWriter(fps=frames_per_second)
    thinned = np.unique(np.linspace(0, len(steps) - 1, MOST_FRAMES).round().astype(int)).tolist()
    shown = [*thinned, *[len(steps) - 1] * int(REST * frames_per_second)]
    with replace_file(path) as part, writer.saving(figure, str(part), dpi=100):
        for frame in shown:
            drawn = _draw(axes, scenes[frame])
            title = f"{sample.labels[0]}, step {steps[frame]} of {steps[-1]}"
            axes.set_title(title, parse_math=False)
            writer.grab_frame()
            figure.set_layout_engine("none")  # what is found for the first frame holds for all
            for each in drawn:
                each.remove()
    return len(thinned)


def _place(sample: StructureBatch, positions: FloatArray) -> StructureBatch:
    """Return a sample with its inserted sites at other fractional coordinates."""
    coords = sample.frac_coords.copy()
    coords[sample.inserted] = positions
    return sample.with_coords(coords)


def _make_axes(scene: Scene) -> tuple[Figure, Any]:
    """Return axes that the crystal fills, with the edges of its cell and a legend."""
    corners = np.array(list(product((0, 1), repeat=3))) @ scene.cell @ scene.view
    points = np.concatenate([corners, scene.positions @ scene.view])[:, :2]
    low, high = points.min(0) - _MARGIN, points.max(0) + _MARGIN
    extent = high - low
    ratio = float(np.clip(extent[1] / extent[0], 0.5, 1.6))
    figure = Figure(figsize=(_WIDTH, _WIDTH * ratio + 0.7), layout="constrained")
    axes: Any = figure.add_subplot()
    axes.set_axis_off()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    for one, other in ((i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit):
        axes.plot(*corners[[one, other], :2].T, color="0.5", linewidth=0.8, zorder=-100)
    colours = {symbol: colour for symbol, (colour, _) in scene.balls.items()}
    hosts = sorted({s for s, new in zip(scene.symbols, scene.inserted, strict=True) if not new})
    entries = [(symbol, colours[symbol]) for symbol in hosts] + [("inserted", INSERTED)]
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, markeredgecolor="0.3", label=name)
        for name, colour in entries
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
    return figure, axes


def _draw(axes: Any, scene: Scene) -> list[Any]:
    """Draw bonds and balls from back to front, and return what was drawn."""
    points, balls = scene.positions @ scene.view, scene.balls
    colours = [
        INSERTED if new else balls[symbol][0]
        for symbol, new in zip(scene.symbols, scene.inserted.tolist(), strict=True)
    ]
    drawn: list[Any] = []
    for i, j in scene.bonds.tolist():
        middle = (points[i] + points[j]) / 2
        for end in (i, j):
            x, y, z = np.stack([points[end], middle]).T
            drawn += axes.plot(x, y, color=colours[end], linewidth=2.5, zorder=float(z.mean()))
    for (x, y, z), symbol, colour in zip(points.tolist(), scene.symbols, colours, strict=True):
        ball = Circle((x, y), balls[symbol][1], facecolor=colour, edgecolor="0.2", zorder=z)
        drawn.append(axes.add_patch(ball))
    return drawn
