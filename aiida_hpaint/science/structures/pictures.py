"""Pictures of crystals as SVG, for pages and notebooks that cannot show them in 3D."""

from __future__ import annotations

from itertools import product

import numpy as np

from aiida_hpaint.science.structures.scenes import Scene
from aiida_hpaint.science.types import FloatArray
from aiida_hpaint.science.viewer import INSERTED

__all__ = ["draw_picture"]

_MARGIN = 0.7
"""Space around the crystal, Å."""

_STICK = 0.16
"""Width of a bond, Å."""


def draw_picture(scene: Scene, width: int = 480) -> str:
    """Draw a scene as SVG: balls and sticks from back to front, hydrogen bonds dashed.

    Parameters
    ----------
    width
        Width in pixels; the height follows.
    """
    points = scene.positions @ scene.view
    corners = np.array(list(product((0, 1), repeat=3))) @ scene.cell @ scene.view
    every = np.concatenate([points, corners])[:, :2] * (1, -1)
    low, high = every.min(0) - _MARGIN, every.max(0) + _MARGIN
    parts = [*_draw_edges(corners), *_draw_bonds(scene, points), *_draw_balls(scene, points)]
    shapes = "".join(text for _, text in sorted(parts, key=lambda part: part[0]))
    extent = high - low
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{width * extent[1] / extent[0]:.0f}" viewBox="{low[0]:.2f} {low[1]:.2f} '
        f'{extent[0]:.2f} {extent[1]:.2f}" role="img">{shapes}</svg>'
    )


def _draw_edges(corners: FloatArray) -> list[tuple[float, str]]:
    """Return the edges of the cell; corners are in the order of binary numbers."""
    pairs = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]
    return [
        (float(corners[i, 2] + corners[j, 2]) / 2, _line(corners[i], corners[j], "#888", 0.04))
        for i, j in pairs
    ]


def _draw_bonds(scene: Scene, points: FloatArray) -> list[tuple[float, str]]:
    colours = _find_colours(scene)
    parts = []
    for i, j in scene.bonds.tolist():
        middle = (points[i] + points[j]) / 2
        for end in (i, j):
            depth = float(points[end, 2] + middle[2]) / 2
            parts.append((depth, _line(points[end], middle, colours[end], _STICK)))
    for i, j in scene.hydrogen_bonds.tolist():
        depth = float(points[i, 2] + points[j, 2]) / 2
        dashes = ' stroke-dasharray=".2 .16"'
        parts.append((depth, _line(points[i], points[j], "#444", 0.06, dashes)))
    return parts


def _draw_balls(scene: Scene, points: FloatArray) -> list[tuple[float, str]]:
    balls, colours = scene.balls, _find_colours(scene)
    return [
        (
            z,
            f'<circle cx="{x:.2f}" cy="{-y:.2f}" r="{balls[symbol][1]:.2f}" fill="{colour}" '
            'stroke="#333" stroke-width=".03"/>',
        )
        for (x, y, z), symbol, colour in zip(points.tolist(), scene.symbols, colours, strict=True)
    ]


def _find_colours(scene: Scene) -> list[str]:
    balls = scene.balls
    return [
        INSERTED if inserted else balls[symbol][0]
        for symbol, inserted in zip(scene.symbols, scene.inserted.tolist(), strict=True)
    ]


def _line(start: FloatArray, end: FloatArray, colour: str, width: float, more: str = "") -> str:
    return (
        f'<line x1="{start[0]:.2f}" y1="{-start[1]:.2f}" x2="{end[0]:.2f}" y2="{-end[1]:.2f}" '
        f'stroke="{colour}" stroke-width="{width}"{more}/>'
    )
