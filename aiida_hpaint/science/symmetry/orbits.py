"""Orbits of points under a group, and points moved to where they have site symmetry."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import BoolArray, FloatArray

UNMOVED_BY_OPERATION = 1e-6
"""Å, within which operations leave a point where it is."""

_ROUNDS = 8


def snap_to_symmetry(
    group: SymmetryGroup, points: FloatArray, reach: float
) -> tuple[FloatArray, BoolArray]:
    """Points moved to where operations that nearly leave them in place do so exactly.

    A point moves to the mean of its images within twice the `reach` (Å) until the operations
    behind them form the site symmetry of where it is.

    Parameters
    ----------
    points : (n, 3)
        Fractional coordinates in the group's cell.

    Returns
    -------
    (n, 3) points and (n, G) masks of their site symmetry; all False where none was found.
    """
    current = points
    for _ in range(_ROUNDS):
        shifts = wrap_differences(np.swapaxes(group.images(current), 0, 1) - current[:, None])
        lengths = np.linalg.norm(shifts @ group.cell, axis=-1)
        near = lengths <= 2 * reach
        if (lengths[near] < UNMOVED_BY_OPERATION / 100).all():
            break
        weights = near / near.sum(1, keepdims=True)
        current = current + np.einsum("ng,nga->na", weights, shifts)
    keeping = near & (lengths < UNMOVED_BY_OPERATION)
    moved = np.linalg.norm((current - points) @ group.cell, axis=1)
    fine = (keeping == near).all(1) & (moved <= reach) & (len(group) % near.sum(1) == 0)
    return current, keeping & fine[:, None]


def centre_on_images(group: SymmetryGroup, point: FloatArray, keeping: BoolArray) -> FloatArray:
    """A point (3,) moved to the mean of its images by operations (a mask) that hardly move it."""
    shifts = wrap_differences(group.images(point[None], np.flatnonzero(keeping))[:, 0] - point)
    return np.asarray(point + shifts.mean(0))


def make_orbit(group: SymmetryGroup, point: FloatArray, keeping: BoolArray) -> FloatArray:
    """(k, 3) images of a point (3,) with its site symmetry (a mask), the point itself first."""
    cosets = group.products[:, np.flatnonzero(keeping)].min(1)
    # A coset is named after its first operation.
    leaders = np.flatnonzero(cosets == np.arange(len(cosets)))
    others = leaders[leaders != cosets[group.identity]]
    return np.concatenate([point[None], group.images(point[None], others)[:, 0]])


def compute_distances(group: SymmetryGroup, points: FloatArray, others: FloatArray) -> FloatArray:
    """(n, k) Å between points (n, 3) and (k, 3) of the group's cell, exact where it is short."""
    shifts = wrap_differences(points[:, None] - others)
    return np.asarray(np.linalg.norm(shifts @ group.cell, axis=-1))
