"""From a grid point that is higher than those around it to the maximum itself."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.electrostatics.interpolation import FourierSeries
from aiida_hpaint.structures.batch import FloatArray

_ROUNDS = 30
_CONVERGED = 1e-5
"""Å"""
_LARGEST_STEP = 0.25
"""Share of the reach."""
_FLAT = 1e-9
"""Curvature that counts as none, as a share of the largest one."""


def refine_maxima(
    series: FourierSeries, cell: FloatArray, points: FloatArray, reach: float
) -> FloatArray:
    """Maxima of the series near grid points, by Newton's method.

    Steps go uphill along every principal axis of the curvature. A point stays where it was if no
    maximum is found within the reach: then the grid does not resolve it, or there is none because
    the function is constant along a line.

    Parameters
    ----------
    cell : (3, 3)
        Lattice vectors as rows, Å.
    points : (M, 3)
        Fractional.
    reach
        Farthest that a maximum may be from its grid point, Å.

    Returns
    -------
    (M, 3) fractional.
    """
    current = points.copy()
    found = np.zeros(len(points), dtype=np.bool_)
    active = np.arange(len(points))
    for _ in range(_ROUNDS):
        if not len(active):
            break
        steps, peaked = _uphill(series, cell, current[active], _LARGEST_STEP * reach)
        current[active] += steps @ np.linalg.inv(cell)
        near = np.linalg.norm((current[active] - points[active]) @ cell, axis=1) <= reach
        done = np.linalg.norm(steps, axis=1) < _CONVERGED
        found[active] = done & near & peaked
        active = active[near & ~done]
    return np.where(found[:, None], current, points)


def _uphill(
    series: FourierSeries, cell: FloatArray, points: FloatArray, longest: float
) -> tuple[FloatArray, FloatArray]:
    """(M, 3) Cartesian steps (Å), and whether the function falls in all directions there."""
    inverse = np.linalg.inv(cell)
    _, gradients, hessians = series.expand(points)
    slopes = gradients @ inverse.T
    curvatures, axes = np.linalg.eigh(inverse @ hessians @ inverse.T)
    least = _FLAT * np.abs(curvatures).max(1, initial=np.finfo(float).tiny)
    along = np.einsum("mc,mca->ma", slopes, axes) / np.maximum(np.abs(curvatures), least[:, None])
    steps = np.einsum("ma,mca->mc", along, axes)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    steps *= np.minimum(1, longest / np.maximum(lengths, np.finfo(float).tiny))
    return steps, curvatures.max(1) < -least
