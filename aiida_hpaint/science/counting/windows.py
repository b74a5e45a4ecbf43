"""Windows: the chemical potentials at which each number of sites is the stable one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf


@dataclass(frozen=True)
class Window:
    """Chemical potentials of the element, eV per atom above its reference.

    Attributes
    ----------
    low, high
        Below `low` fewer sites are stable, above `high` more; infinite at the ends of the numbers
        that were tried.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        """eV; the larger, the surer."""
        return self.high - self.low

    def share(self, low: float, high: float) -> float:
        """Which part of a range of chemical potentials lies in the window; a point is in or out."""
        if low == high:
            return float(self.low <= low < self.high)
        return max(0.0, min(high, self.high) - max(low, self.low)) / (high - low)


def windows(energies: Mapping[int, float], reference: float) -> dict[int, Window]:
    """The window of each number that is stable at some chemical potential.

    At a chemical potential mu the stable number has the lowest E(n) - n mu: these numbers are the
    corners of the lower convex hull of E(n), and their windows lie between its slopes.

    Parameters
    ----------
    energies
        E(n) in eV of the cell with n sites added.
    reference
        Energy per atom of the element's reference phase, in eV.
    """
    corners: list[int] = []
    for count in sorted(energies):
        while len(corners) > 1 and _slope(energies, corners[-2], corners[-1]) >= _slope(
            energies, corners[-1], count
        ):
            corners.pop()
        corners.append(count)
    slopes = [_slope(energies, low, high) - reference for low, high in pairwise(corners)]
    edges = [-inf, *slopes, inf]
    return {n: Window(edges[i], edges[i + 1]) for i, n in enumerate(corners)}


def _slope(energies: Mapping[int, float], low: int, high: int) -> float:
    return (energies[high] - energies[low]) / (high - low)
