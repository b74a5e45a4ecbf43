"""Powder patterns of the candidates of one host over each other, for X-rays and neutrons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.diffraction import (
    PeakShape,
    Radiation,
    compute_profile,
    compute_reflections,
    estimate_needed_counts,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray

__all__ = ["HIGHEST_ANGLE", "LOWEST_ANGLE", "Curve", "PatternFigure", "draw_patterns"]

LOWEST_ANGLE, HIGHEST_ANGLE = 8.0, 90.0
"""Range of 2θ, degrees."""

_WIDTH = 0.25
"""Full width of the peaks at half maximum, degrees."""

_MOST_SITES = 400
"""Largest number of sites of a cell whose patterns are computed."""

_FLAT = 0.03
"""Curvature, in per cent of the strongest point, below which a point is left out of a line."""

_RADIATIONS = (
    ("X-rays (Cu K\N{GREEK SMALL LETTER ALPHA}1)", Radiation("x-ray")),
    ("Neutrons, H", Radiation("neutron")),
    ("Neutrons, H replaced by D", Radiation("neutron", deuterated=True)),
)


@dataclass(frozen=True)
class Curve:
    """One pattern as a line.

    Attributes
    ----------
    name
        What it is of.
    points
        Points of an SVG polyline: 2θ in degrees, and intensity from 100 (nothing) to 0.
    is_host
        Whether it is that of the host without the inserted sites.
    difference
        Points of its difference from the first candidate, from 30 (below by 30) to -30; empty for
        the first candidate and the host.
    """

    name: str
    points: str
    is_host: bool = False
    difference: str = ""


@dataclass(frozen=True)
class PatternFigure:
    """Patterns for one radiation.

    Attributes
    ----------
    title
        Radiation.
    wavelength
        Å.
    curves
        The host without inserted sites, then the candidates.
    distinction
        How many counts tell the first candidate from the others, a sentence; empty for one.
    """

    title: str
    wavelength: float
    curves: tuple[Curve, ...]
    distinction: str


def draw_patterns(
    candidates: StructureBatch, bare: StructureBatch | None, names: Sequence[str]
) -> list[PatternFigure]:
    """Draw the patterns of candidates and of the host without inserted sites.

    Parameters
    ----------
    candidates
        Complete structures with the same cell.
    bare
        The host without the inserted sites.
    names
        Names of the candidates.

    Returns
    -------
    One figure for each radiation; none for large cells, or where an element has no scattering
    length.
    """
    if candidates.site_counts.max() > _MOST_SITES:
        return []
    figures = []
    for title, radiation in _RADIATIONS:
        try:
            figures.append(_draw(title, radiation, candidates, bare, names))
        except ValueError:
            continue
    return figures


def _draw(
    title: str,
    radiation: Radiation,
    candidates: StructureBatch,
    bare: StructureBatch | None,
    names: Sequence[str],
) -> PatternFigure:
    grid = np.arange(LOWEST_ANGLE, HIGHEST_ANGLE, _WIDTH / 4)
    shape = PeakShape(w=_WIDTH**2)
    structures = [*candidates, *([] if bare is None else [bare])]
    profiles = np.stack(
        [
            compute_profile(compute_reflections(one, radiation, HIGHEST_ANGLE + 1), grid, shape)
            for one in structures
        ]
    )
    of_candidates = profiles[: len(candidates)]
    shown = 100 * profiles / of_candidates.max()
    curves = [
        Curve(
            name,
            _format_points(grid, 100 - line),
            difference=_format_points(grid, (shown[0] - line).clip(-30, 30)) if row else "",
        )
        for row, (name, line) in enumerate(zip(names, shown, strict=False))
    ]
    if bare is not None:
        points = _format_points(grid, 100 - shown[-1])
        curves.insert(0, Curve("host without inserted sites", points, is_host=True))
    return PatternFigure(
        title, radiation.wavelength, tuple(curves), _describe(of_candidates, names)
    )


def _format_points(grid: FloatArray, line: FloatArray) -> str:
    """Return the points of a polyline, without those on straight parts."""
    bend = np.abs(np.diff(line, 2))
    kept = np.concatenate([[True], (bend[:-1] > _FLAT) | (bend[1:] > _FLAT), [True, True]])
    pairs = zip(grid[kept].tolist(), line[kept].clip(min=-30).tolist(), strict=True)
    return " ".join(f"{x:.2f},{y:.1f}" for x, y in pairs)


def _describe(profiles: FloatArray, names: Sequence[str]) -> str:
    """Say how well the first candidate can be told from the others."""
    if len(profiles) < 2:
        return ""
    counts = estimate_needed_counts(profiles)[0, 1:]
    hardest = int(counts.argmax())
    other = names[hardest + 1]
    if not np.isfinite(counts[hardest]):
        return f"{names[0]} and {other} have the same pattern."
    number = f"{counts[hardest]:.0f}" if counts[hardest] < 1e5 else f"{counts[hardest]:.0e}"
    return (
        f"{max(1, float(number)):g} counts at the strongest point tell {names[0]} from {other} "
        "(by five standard deviations, with a background of a tenth of that point)."
    )
