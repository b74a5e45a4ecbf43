"""From a grid point that is higher than those around it to the maximum itself."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.electrostatics.interpolation import FourierSeries
from aiida_hpaint.science.types import FloatArray

_ROUNDS = 60
_CONVERGED = 1e-5
"""Å"""
_FLAT = 1e-6
"""Curvature that counts as none, as a share of the largest one."""

_KICK = 0.1
"""Share of the longest step that leads away from a saddle."""


def refine_maxima(
    series: FourierSeries, cell: FloatArray, points: FloatArray, longest: float
) -> FloatArray:
    """Maxima of the series that lie uphill of grid points, by Newton's method.

    Steps go up along every principal axis of the curvature. Where the function has a maximum the
    climb ends on it, and a grid point that is highest only because the grid is coarse ends on the
    maximum of another one. A point stays where it was if its climb does not end.

    Parameters
    ----------
    cell : (3, 3)
        Lattice vectors as rows, Å.
    points : (M, 3)
        Fractional.
    longest
        Step, Å.

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
        steps = _uphill(series, cell, current[active], longest)
        current[active] += steps @ np.linalg.inv(cell)
        done = np.linalg.norm(steps, axis=1) < _CONVERGED
        found[active] = done
        active = active[~done]
    return np.where(found[:, None], current, points)


def _uphill(
    series: FourierSeries, cell: FloatArray, points: FloatArray, longest: float
) -> FloatArray:
    """(M, 3) Cartesian steps (Å), zero only where the function rises in no direction."""
    inverse = np.linalg.inv(cell)
    _, gradients, hessians = series.expand(points)
    slopes = gradients @ inverse.T
    curvatures, axes = np.linalg.eigh(inverse @ hessians @ inverse.T)
    least = _FLAT * np.abs(curvatures).max(1, initial=np.finfo(float).tiny)
    along = np.einsum("mc,mca->ma", slopes, axes) / np.maximum(np.abs(curvatures), least[:, None])
    # On a saddle either way leads up.
    stuck = (curvatures > least[:, None]) & (np.abs(along) < _CONVERGED)
    along = np.where(stuck, _KICK * longest, along)
    steps = np.einsum("ma,mca->mc", along, axes)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    steps *= np.minimum(1, longest / np.maximum(lengths, np.finfo(float).tiny))
    return np.asarray(steps)
