"""FourierSeries: what a function on a periodic grid is between its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.types import FloatArray

ComplexArray = NDArray[np.complex128]

_LARGEST_BLOCK = 4_000_000
"""Numbers held at once."""


class Expansion(NamedTuple):
    """A function about M points: by fractional coordinates."""

    values: FloatArray
    """(M,)"""
    gradients: FloatArray
    """(M, 3)"""
    hessians: FloatArray
    """(M, 3, 3)"""


@dataclass(frozen=True, eq=False)
class FourierSeries:
    """The trigonometric polynomial through the values on a periodic grid.

    A potential that pp.x writes on its FFT grid is such a polynomial: between the points this is
    the potential itself and no approximation.

    Attributes
    ----------
    coefficients : (n1, n2, n3 // 2 + 1)
        Those of the other half follow, because the function is real.
    shape
        Of the grid.
    """

    coefficients: ComplexArray
    shape: tuple[int, int, int]

    @classmethod
    def through(cls, values: FloatArray) -> FourierSeries:
        """The series through values (n1, n2, n3)."""
        n1, n2, n3 = values.shape
        coefficients = np.fft.rfftn(values) / values.size
        # What is left out has the same real part, except where it is its own counterpart.
        last = n3 // 2 if n3 % 2 == 0 else n3 // 2 + 1
        coefficients[:, :, 1:last] *= 2
        return cls(coefficients, (n1, n2, n3))

    def expand(self, points: FloatArray) -> Expansion:
        """Values, gradients and Hessians at (M, 3) fractional points."""
        size = max(1, _LARGEST_BLOCK // (3 * self.coefficients[0].size))
        starts = range(0, max(1, len(points)), size)
        blocks = [self._expand(points[start : start + size]) for start in starts]
        return Expansion(*(np.concatenate(part) for part in zip(*blocks, strict=True)))

    def _expand(self, points: FloatArray) -> Expansion:
        a, b, c = (_waves(points[:, axis], self.shape[axis], axis == 2) for axis in range(3))
        sums = np.tensordot(a, self.coefficients, 1)
        # (order along 1, order along 2, points, waves along 3)
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


def _waves(x: FloatArray, size: int, half: bool) -> ComplexArray:
    """(3, M, waves) the waves of one axis at points x (M,), and their two derivatives.

    The wave that a grid with an even number of points cannot tell from its opposite is the mean
    of the two, a cosine.
    """
    orders = np.fft.rfftfreq(size, 1 / size) if half else np.fft.fftfreq(size, 1 / size)
    slopes = 2j * np.pi * orders
    waves = np.exp(x[:, None] * slopes)
    found = np.stack([waves, slopes * waves, slopes**2 * waves])
    if size % 2 == 0:
        # (e + e*) / 2 of the wave, and so of its derivatives
        found[:, :, size // 2] = found[:, :, size // 2].real
    return found
