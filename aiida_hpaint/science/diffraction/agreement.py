"""Agreement of a structure with a measured powder pattern.

Scale, background, peak shape and zero shift are fitted, as in a Rietveld refinement (J. Appl.
Crystallogr. 2, 65 (1969)); cell and atoms stay as they are, since the question is which of several
candidates the data prefer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import least_squares, nnls

from aiida_hpaint.science.diffraction.measurement import Measurement
from aiida_hpaint.science.diffraction.profiles import PeakShape, compute_profile
from aiida_hpaint.science.diffraction.reflections import Reflections
from aiida_hpaint.science.types import FloatArray

__all__ = ["Agreement", "fit_pattern"]

_BACKGROUND = 8
"""Number of Chebyshev polynomials of the background."""

_START = np.array([0.01, 0.0, 0.0, 0.5, 0.0])
_LOW = np.array([1e-4, -0.5, 0.0, 0.0, -0.3])
_HIGH = np.array([0.5, 0.5, 1.0, 1.0, 0.3])
"""Start and bounds of w, v, u, mixing and shift of `PeakShape`."""


@dataclass(frozen=True)
class Agreement:
    """A calculated pattern beside the measured one.

    Attributes
    ----------
    r_weighted
        Rwp = sqrt(Σ w (y - c)² / Σ w y²), with the weights w of the uncertainties.
    chi_squared
        Σ w (y - c)² for each point that is not a parameter; 1 if errors are those of counting.
    calculated, background : (G,)
        Intensities on the measured grid.
    shape
        Fitted shape of the peaks.
    """

    r_weighted: float
    chi_squared: float
    calculated: FloatArray
    background: FloatArray
    shape: PeakShape


def fit_pattern(measurement: Measurement, reflections: Reflections) -> Agreement:
    """Fit scale, background and shape of the peaks of a structure to a measured pattern."""
    grid = measurement.two_theta
    centred = np.interp(grid, [grid[0], grid[-1]], [-1, 1])
    weights = 1 / measurement.errors
    smooth = chebyshev.chebvander(centred, _BACKGROUND - 1) * weights[:, None]
    target = measurement.intensities * weights

    def project(values: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Return residuals, background and scale for a shape; the best of both are linear."""
        profile = compute_profile(reflections, grid, PeakShape(*values)) * weights
        size = np.linalg.norm(profile) or 1.0
        # The background may have either sign, the scale may not: polynomials enter twice.
        columns = np.column_stack([profile / size, smooth, -smooth])
        found, _ = nnls(columns, target, maxiter=50 * columns.shape[1])
        level = smooth @ (found[1 : 1 + _BACKGROUND] - found[1 + _BACKGROUND :])
        return columns @ found - target, level / weights, float(found[0] / size)

    # Peaks may be much wider than at the start: the best of several widths is where the fit begins.
    starts = [np.array([width, *_START[1:]]) for width in (0.002, 0.01, 0.05, 0.2)]
    start = min(starts, key=lambda values: float((project(values)[0] ** 2).sum()))
    fitted = least_squares(
        lambda values: project(values)[0],
        start,
        bounds=(_LOW, _HIGH),
        x_scale=np.array([0.01, 0.01, 0.01, 0.5, 0.05]),
        max_nfev=40,
    )
    residuals, background, scale = project(fitted.x)
    shape = PeakShape(*(float(value) for value in fitted.x))
    squares = float((residuals**2).sum())
    free = max(1, len(grid) - len(fitted.x) - _BACKGROUND - 1)
    return Agreement(
        r_weighted=float(np.sqrt(squares / (target**2).sum())),
        chi_squared=squares / free,
        calculated=background + scale * compute_profile(reflections, grid, shape),
        background=background,
        shape=shape,
    )
