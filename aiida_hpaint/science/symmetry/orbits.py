"""Orbits of points under a group, and points moved to positions with site symmetry."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import BoolArray, FloatArray

UNMOVED_BY_OPERATION = 1e-6
"""Distance in Å within which an operation leaves a point in place."""

_ROUNDS = 8


def snap_to_symmetry(
    group: SymmetryGroup, points: FloatArray, reach: float
) -> tuple[FloatArray, BoolArray]:
    """Move points to where operations that nearly keep them in place do so exactly.

    A point moves to the mean of its images within twice the `reach` (Å) until their operations
    form the site symmetry of its position.

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
    """Move a point (3,) to the mean of its images by operations (a mask) that barely move it."""
    shifts = wrap_differences(group.images(point[None], np.flatnonzero(keeping))[:, 0] - point)
    return np.asarray(point + shifts.mean(0))


def make_orbit(group: SymmetryGroup, point: FloatArray, keeping: BoolArray) -> FloatArray:
    """Return (k, 3) images of a point (3,) of some site symmetry (a mask), the point first."""
    cosets = group.products[:, np.flatnonzero(keeping)].min(1)
    # The first operation of a coset represents it.
    leaders = np.flatnonzero(cosets == np.arange(len(cosets)))
    others = leaders[leaders != cosets[group.identity]]
    return np.concatenate([point[None], group.images(point[None], others)[:, 0]])


def compute_distances(group: SymmetryGroup, points: FloatArray, others: FloatArray) -> FloatArray:
    """Compute (n, k) distances (Å) of fractional points, exact where they are short."""
    shifts = wrap_differences(points[:, None] - others)
    return np.asarray(np.linalg.norm(shifts @ group.cell, axis=-1))
