"""Shapes of peaks, and the profile that they add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.diffraction.reflections import Reflections
from aiida_hpaint.science.types import FloatArray

__all__ = ["PeakShape", "compute_profile"]

_REACH = 15.0
"""Distance from a peak, in its full widths at half maximum, beyond which it is nothing."""


@dataclass(frozen=True)
class PeakShape:
    """A pseudo-Voigt function whose width depends on the angle.

    The full width at half maximum H in degrees follows H² = U tan²θ + V tan θ + W (Caglioti et
    al., Nucl. Instrum. 3, 223 (1958)).

    Attributes
    ----------
    w, v, u
        Terms of the width, degrees².
    mixing
        Share of the Lorentzian, the rest is Gaussian.
    shift
        Displacement of all peaks, degrees of 2θ.
    """

    w: float = 0.01
    v: float = 0.0
    u: float = 0.0
    mixing: float = 0.5
    shift: float = 0.0

    def widths(self, two_theta: FloatArray) -> FloatArray:
        """Return the full widths at half maximum at Bragg angles, degrees."""
        tangent = np.tan(np.radians(np.asarray(two_theta) / 2))
        # A fit may try terms whose sum is negative somewhere.
        squared = self.u * tangent**2 + self.v * tangent + self.w
        return np.asarray(np.sqrt(np.maximum(squared, 1e-5)))


def compute_profile(reflections: Reflections, grid: FloatArray, shape: PeakShape) -> FloatArray:
    """Compute the profile of all reflections on an ascending grid of angles 2θ (G,), degrees."""
    profile = np.zeros(len(grid))
    positions = reflections.two_theta + shape.shift
    widths = shape.widths(reflections.two_theta)
    starts = np.searchsorted(grid, positions - _REACH * widths)
    stops = np.searchsorted(grid, positions + _REACH * widths)
    for peak in np.flatnonzero(stops > starts):
        part = slice(starts[peak], stops[peak])
        squared = ((grid[part] - positions[peak]) / (widths[peak] / 2)) ** 2
        lorentzian = 1 / (np.pi * (1 + squared))
        gaussian = np.sqrt(np.log(2) / np.pi) * np.exp(-np.log(2) * squared)
        mixed = shape.mixing * lorentzian + (1 - shape.mixing) * gaussian
        profile[part] += reflections.intensities[peak] * mixed / (widths[peak] / 2)
    return profile
