"""Special positions of a host without free parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import spglib

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import FloatArray, IntArray

_STEPS = np.array([0, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21]) / 24
"""Coordinates of such positions in the standard settings of the International Tables."""


def find_special_positions(
    group: SymmetryGroup, numbers: IntArray, frac: FloatArray, tolerance: float
) -> FloatArray:
    """Find (n, 3) points, fractional in the group's cell, without free parameters.

    Parameters
    ----------
    numbers, frac : (n,), (n, 3)
        The host's sites, fractional in the group's cell.
    tolerance
        Tolerance in Å of the symmetry of the host.
    """
    crystal: Any = (group.cell, frac, numbers)
    found = spglib.get_symmetry_dataset(crystal, symprec=tolerance)
    if found is None:
        return np.zeros((0, 3))
    grid = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS, indexing="ij"), -1).reshape(-1, 3)
    points = (grid - found.origin_shift) @ np.linalg.inv(found.transformation_matrix).T
    shifts = wrap_differences(np.swapaxes(group.images(points), 0, 1) - points[:, None])
    lengths = np.linalg.norm(shifts @ group.cell, axis=-1)
    # The sum of the operations at a point projects onto directions that all of them keep.
    sums = np.einsum("ng,gab->nab", (lengths < 2 * tolerance).astype(float), group.rotations)
    return np.asarray(points[np.abs(sums).max((1, 2)) < 1e-6])
