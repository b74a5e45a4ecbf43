"""Electrostatic energies of unit point charges that repeat with a cell, by Ewald's sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.constants import e, epsilon_0
from scipy.special import erfc

from aiida_hpaint.science.types import FloatArray

COULOMB = e / (4 * np.pi * epsilon_0) * 1e10
"""Energy of two elementary charges 1 Å apart, eV (14.3996)."""

_DIGITS = 14
"""Terms below this power of ten are left out, in 1/Å."""

_MOST_DIRECT = 1.2
"""Width parameter of the Gaussians for a cell of volume 1: more in reciprocal space, cheaper."""


@dataclass(frozen=True, eq=False)
class EwaldEnergies:
    """What unit point charges in a neutralising background cost.

    A cell with n charges has the energy sum_{i<j} pairs_ij + n own, over those that it has.

    Attributes
    ----------
    pairs : (M, M)
        Of two charges, all images included, in eV; the diagonal is zero.
    own : float
        Of a charge with its own images and the background, in eV: -2.837297 / 2 e²/(4 pi eps0 L)
        for a cube of length L.
    """

    pairs: FloatArray
    own: float


def ewald_energies(frac_coords: FloatArray, cell: FloatArray) -> EwaldEnergies:
    """Energies of unit charges at M sites of a cell, each neutralised by a uniform background.

    The potential that a charge makes at r is the sum over its images, at distances d from there,
    of erfc(a d) / d, plus 4 pi / V times the sum over reciprocal vectors G (not zero) of
    exp(-G²/4a²) cos(G r) / G², less pi / (V a²), times e²/(4 pi eps0). At its own site the term
    of d = 0 is -2 a / sqrt(pi). The energy does not depend on a.

    Parameters
    ----------
    frac_coords : (M, 3)
        Fractional coordinates.
    cell : (3, 3)
        Lattice vectors as rows, in Å.

    Source
    ------
    P. P. Ewald, Ann. Phys. 369, 253 (1921); the neutralising background, -pi Q²/(2 V a²) for the
    charge Q of a cell: M. Leslie and M. J. Gillan, J. Phys. C 18, 973 (1985).
    """
    volume = abs(float(np.linalg.det(cell)))
    width = _MOST_DIRECT * np.sqrt(np.pi) / np.cbrt(volume)
    # exp(-reach²) is the size of what is left out.
    reach = np.sqrt(_DIGITS * np.log(10))
    potential = _direct(frac_coords, cell, width, reach / width)
    potential += _reciprocal(frac_coords, cell, width, 2 * width * reach)
    potential -= np.pi / (volume * width**2)
    potential = COULOMB * (potential + potential.T) / 2
    own = float(potential[0, 0] / 2)
    np.fill_diagonal(potential, 0.0)
    return EwaldEnergies(potential, own)


def _direct(frac: FloatArray, cell: FloatArray, width: float, cutoff: float) -> FloatArray:
    """(M, M) sum over images in direct space."""
    shifts = frac[:, None] - frac
    shifts -= np.rint(shifts)
    between = shifts @ cell
    farthest = float(np.linalg.norm(between, axis=-1).max())
    total = np.zeros(between.shape[:2])
    for vector in _vectors(cell, cutoff + farthest):
        distance = np.linalg.norm(between + vector, axis=-1)
        if not vector.any():
            np.fill_diagonal(distance, np.inf)
        total += erfc(width * distance) / distance
    np.fill_diagonal(total, total.diagonal() - 2 * width / np.sqrt(np.pi))
    return total


def _reciprocal(frac: FloatArray, cell: FloatArray, width: float, cutoff: float) -> FloatArray:
    """(M, M) sum over reciprocal vectors, the zero one left out."""
    vectors = _vectors(np.asarray(2 * np.pi * np.linalg.inv(cell).T), cutoff)
    squares = (vectors**2).sum(1)
    vectors, squares = vectors[squares > 0], squares[squares > 0]
    volume = abs(float(np.linalg.det(cell)))
    weights = 4 * np.pi / volume * np.exp(-squares / (4 * width**2)) / squares
    phases = (frac @ cell) @ vectors.T
    cosines, sines = np.cos(phases), np.sin(phases)
    return np.asarray((cosines * weights) @ cosines.T + (sines * weights) @ sines.T)


def _vectors(basis: FloatArray, cutoff: float) -> FloatArray:
    """(k, 3) all vectors of the lattice of a basis (rows) up to a length."""
    heights = 1 / np.linalg.norm(np.linalg.inv(basis), axis=0)
    most = np.floor(cutoff / heights).astype(np.int64)
    axes = [np.arange(-count, count + 1) for count in most]
    vectors = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3) @ basis
    return np.asarray(vectors[(vectors**2).sum(1) <= cutoff**2])
