"""GIF animations of inserted sites that move to their final positions."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.structures.trajectory import Recording
from aiida_hpaint.science.types import FloatArray, IntArray

MOST_FRAMES = 120
"""Largest number of frames; longer trajectories are thinned."""

REST = 1.5
"""Seconds for which the last frame is shown."""

_ON_FACE = 0.02
"""Fractional distance within which a site counts as on a face of the cell."""

_SCALE = 220.0
"""Approximate size of the longest extent of the cell in a frame, points."""

_BALL = 0.45
"""Radius of a site in covalent radii."""


def animate(recording: Recording, row: int, path: Path, frames_per_second: int = 12) -> int:
    """Write the trajectory of one sample as a GIF; host and cell stand still.

    Host sites on a face, edge or corner of the cell are drawn with their periodic images there.

    Parameters
    ----------
    row
        Index of the sample.
    path
        File to write.

    Returns
    -------
    int
        Number of frames.
    """
    sample, trajectory = recording.samples[row], recording.trajectory
    host = ~sample.inserted
    host_numbers, host_frac = _repeat_on_faces(sample.numbers[host], sample.frac_coords[host])
    numbers = np.concatenate([host_numbers, sample.numbers[sample.inserted]])
    inserted = np.mod(trajectory.positions[:, trajectory.sites(row)].astype(np.float64), 1.0)
    steps = np.append(0, trajectory.steps)
    figure = Figure(figsize=(4.5, 4.5))
    axes = _make_axes(figure, sample.cells[0])
    writer = PillowWriter(fps=frames_per_second)
    thinned = np.unique(np.linspace(0, len(steps) - 1, MOST_FRAMES).round().astype(int)).tolist()
    shown = [*thinned, *[len(steps) - 1] * int(REST * frames_per_second)]
    with replace_file(path) as part, writer.saving(figure, str(part), dpi=100):
        for frame in shown:
            frac = np.concatenate([host_frac, inserted[frame]])
            balls = _draw_sites(axes, numbers, frac, sample.cells[0], len(host_numbers))
            axes.set_title(f"{sample.labels[0]}, step {steps[frame]} of {steps[-1]}")
            writer.grab_frame()
            balls.remove()
    return len(shown)


def _make_axes(figure: Figure, cell: FloatArray) -> Any:
    """Return axes in true proportion with the edges of the cell."""
    axes: Any = figure.add_axes((0, 0, 1, 0.93), projection="3d", proj_type="ortho")
    axes.set_axis_off()
    axes.view_init(elev=12, azim=-72)
    corners = np.array(list(product((0, 1), repeat=3)))
    for start, end in product(corners, corners):
        if (end - start).min() == 0 and (end - start).sum() == 1:
            axes.plot(*(np.stack([start, end]) @ cell).T, color="0.5", linewidth=0.8)
    low, high = (corners @ cell).min(0), (corners @ cell).max(0)
    axes.set_box_aspect(high - low, zoom=0.92)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    return axes


def _draw_sites(
    axes: Any, numbers: IntArray, frac: FloatArray, cell: FloatArray, host_sites: int
) -> Any:
    """Draw all sites as balls; those after the host sites are inserted and get a bold rim."""
    extent = np.ptp(np.array(list(product((0, 1), repeat=3))) @ cell, axis=0).max()
    inserted = np.arange(len(numbers)) >= host_sites
    return axes.scatter(
        *(frac @ cell).T,
        s=(2 * _BALL * covalent_radii[numbers] * _SCALE / extent) ** 2,
        c=jmol_colors[numbers],
        edgecolors=np.where(inserted, "tab:blue", "0.3"),
        linewidths=np.where(inserted, 2.0, 0.6),
        depthshade=False,
    )


def _repeat_on_faces(numbers: IntArray, frac: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return sites and their periodic images on opposite faces of the cell."""
    frac = np.mod(frac + _ON_FACE, 1.0) - _ON_FACE
    shifts = [list(product(*[(0, 1) if abs(x) <= _ON_FACE else (0,) for x in s])) for s in frac]
    repeats = [len(found) for found in shifts]
    moved = np.repeat(frac, repeats, axis=0) + np.array([s for found in shifts for s in found])
    return np.repeat(numbers, repeats), moved
