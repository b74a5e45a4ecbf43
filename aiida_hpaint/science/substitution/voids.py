"""Interstitial voids of crystals: where metals and intermetallics take up hydrogen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.data import covalent_radii
from scipy.ndimage import maximum_filter

from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.types import FloatArray

VOID = "void"
"""Name of voids in place of an element to take."""

VOID_NUMBER = 0
"""Atomic number of voids."""

SMALLEST_ROOM = 0.1
"""Å between the centre of a void and the covalent radius of the nearest atom. In TiH2 and YH2 it is
0.33 and 0.35, in PdH 0.65; their metals, before they expand, have 0.1 to 0.25."""

CLOSEST_HYDROGENS = 2.1
"""Å between two H in metals (Switendick, Z. Phys. Chem. 117, 89 (1979))."""

SAME_ROOM = 0.03
"""Å by which the room of equivalent voids differs on a grid."""

_SPACING = 0.3
"""Å, largest spacing of the grid that voids are searched on."""

_DIVISIONS = 12
"""The points along each axis are a multiple of it, so that special positions are on the grid."""


def mark_voids(crystal: TrainingCrystal, rng: np.random.Generator) -> TrainingCrystal:
    """Return a crystal with sites of number 0 in the largest one to three kinds of its voids.

    Voids are local maxima of the room, the distance to the nearest atom less its covalent radius.
    Those of equal room are of one kind, as symmetry makes them. Each kind is filled as far as H
    keep their distance from each other; there is nothing to fill if no void is large enough.
    """
    frac, room = _find_maxima(crystal)
    kinds = int(rng.integers(1, 4))
    chosen: list[FloatArray] = []
    before, seen = np.inf, 0
    for place in np.argsort(-room, kind="stable"):
        if before - room[place] > SAME_ROOM:
            seen, before = seen + 1, room[place]
        if seen > kinds:
            break
        if all(
            _distance(crystal.cell, frac[place] - other) >= CLOSEST_HYDROGENS for other in chosen
        ):
            chosen.append(frac[place])
    if not chosen:
        return crystal
    return replace(
        crystal,
        numbers=np.concatenate([crystal.numbers, np.full(len(chosen), VOID_NUMBER)]),
        frac=np.vstack([crystal.frac, chosen]),
    )


def _find_maxima(crystal: TrainingCrystal) -> tuple[FloatArray, FloatArray]:
    """Return positions (V, 3), fractional, and room (V,), Å, of the voids large enough for H."""
    lengths = np.linalg.norm(crystal.cell, axis=1)
    counts = _DIVISIONS * np.ceil(lengths / (_DIVISIONS * _SPACING)).astype(int)
    axes = [np.arange(count) / count for count in counts]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    points = grid.reshape(-1, 3)
    room = np.full(len(points), np.inf)
    for number, site in zip(crystal.numbers, crystal.frac, strict=True):
        shifts = points - site
        shifts -= np.round(shifts)
        nearest = np.full(len(points), np.inf)
        for image in NEIGHBOURS @ crystal.cell:
            np.minimum(nearest, np.linalg.norm(shifts @ crystal.cell + image, axis=1), out=nearest)
        np.minimum(room, nearest - covalent_radii[number], out=room)
    table = room.reshape(grid.shape[:3])
    top = (table >= maximum_filter(table, size=3, mode="wrap")).ravel() & (room > SMALLEST_ROOM)
    return points[top], room[top]


def _distance(cell: FloatArray, shift: FloatArray) -> float:
    shift = shift - np.round(shift)
    return float(np.linalg.norm((shift + NEIGHBOURS) @ cell, axis=1).min())
