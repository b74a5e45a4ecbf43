"""FourierSeries: trigonometric interpolation of a function on a periodic grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.types import FloatArray

ComplexArray = NDArray[np.complex128]

_LARGEST_BLOCK = 4_000_000
"""Largest number of intermediate values held at once."""


class Expansion(NamedTuple):
    """Values and derivatives at M points, with respect to fractional coordinates."""

    values: FloatArray
    """(M,)"""
    gradients: FloatArray
    """(M, 3)"""
    hessians: FloatArray
    """(M, 3, 3)"""


@dataclass(frozen=True, eq=False)
class FourierSeries:
    """The trigonometric polynomial through the values on a periodic grid.

    A plane-wave code holds the potential as a finite Fourier series, and pp.x writes it on the
    corresponding FFT grid. Interpolation by the discrete Fourier transform therefore recovers the
    potential between the points exactly.

    Attributes
    ----------
    coefficients : (n1, n2, n3 // 2 + 1)
        Fourier coefficients. The function is real, so those of the other half are their complex
        conjugates.
    shape
        Shape of the grid.
    """

    coefficients: ComplexArray
    shape: tuple[int, int, int]

    @classmethod
    def through(cls, values: FloatArray) -> FourierSeries:
        """Return the series through values (n1, n2, n3)."""
        n1, n2, n3 = values.shape
        coefficients = np.fft.rfftn(values) / values.size
        # A coefficient and its conjugate, which rfftn omits, contribute the same real part, so it
        # counts twice, except where it is its own conjugate: at 0 and at the Nyquist frequency.
        last = n3 // 2 if n3 % 2 == 0 else n3 // 2 + 1
        coefficients[:, :, 1:last] *= 2
        return cls(coefficients, (n1, n2, n3))

    def expand(self, points: FloatArray) -> Expansion:
        """Return values, gradients and Hessians at (M, 3) fractional points."""
        size = max(1, _LARGEST_BLOCK // (3 * self.coefficients[0].size))
        starts = range(0, max(1, len(points)), size)
        blocks = [self._expand(points[start : start + size]) for start in starts]
        return Expansion(*(np.concatenate(block) for block in zip(*blocks, strict=True)))

    def _expand(self, points: FloatArray) -> Expansion:
        a, b, c = (
            _evaluate_waves(points[:, axis], self.shape[axis], axis == 2) for axis in range(3)
        )
        sums = np.tensordot(a, self.coefficients, 1)
        # Axes: derivative order along axis 1 (d) and 2 (e), points (m), waves along axis 3 (z).
        sums = np.einsum("emy,dmyz->demz", b, sums, optimize=True)
        found = np.einsum("fmz,demz->defm", c, sums, optimize=True).real
        units = np.eye(3, dtype=int)
        gradients = [found[tuple(unit)] for unit in units]
        hessians = [found[tuple(one + other)] for one in units for other in units]
        return Expansion(
            found[0, 0, 0],
            np.stack(gradients, -1),
            np.stack(hessians, -1).reshape(-1, 3, 3),
        )


def _evaluate_waves(x: FloatArray, size: int, half: bool) -> ComplexArray:
    """Return (3, M, waves) the waves along one axis at x (M,), and two derivatives of each.

    On an even number of points the Nyquist wave cannot be distinguished from its conjugate; the
    mean of the two, a cosine, is used.
    """
    orders = np.fft.rfftfreq(size, 1 / size) if half else np.fft.fftfreq(size, 1 / size)
    slopes = 2j * np.pi * orders
    waves = np.exp(x[:, None] * slopes)
    found = np.stack([waves, slopes * waves, slopes**2 * waves])
    if size % 2 == 0:
        # (e + e*) / 2 of the wave, and so of its derivatives
        found[:, :, size // 2] = found[:, :, size // 2].real
    return found
