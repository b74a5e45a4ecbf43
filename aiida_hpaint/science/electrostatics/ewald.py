"""Electrostatic energies of periodic unit point charges by Ewald summation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.constants import e, epsilon_0
from scipy.special import erfc

from aiida_hpaint.science.types import FloatArray

COULOMB = e / (4 * np.pi * epsilon_0) * 1e10
"""Energy of two elementary charges 1 Å apart, eV (14.3996)."""

_DIGITS = 14
"""Terms below 10 to minus this power, in 1/Å, are neglected."""

_WIDTH_FACTOR = 1.2
"""Gaussian parameter a in units of sqrt(pi) / V^(1/3), the value at which both sums are equally
long. A little more shifts work to reciprocal space, where a term costs less."""


@dataclass(frozen=True, eq=False)
class EwaldEnergies:
    """Energies of unit point charges in a neutralising background.

    A cell with n charges has the energy sum_{i<j} pairs_ij + n own, summed over its charges.

    Attributes
    ----------
    pairs : (M, M)
        Interaction of two charges with all their images, in eV; the diagonal is zero.
    own : float
        Interaction of a charge with its own images and the background, in eV: in a cubic cell of
        length L it is -2.837297 / 2 e²/(4 pi eps0 L).
    """

    pairs: FloatArray
    own: float


def compute_ewald_energies(frac_coords: FloatArray, cell: FloatArray) -> EwaldEnergies:
    """Compute energies of unit charges at M sites of a cell with a uniform background.

    The potential of a charge at r, in units of e²/(4 pi eps0), is

        sum_d erfc(a d) / d  +  4 pi / V sum_{G != 0} exp(-G²/4a²) cos(G r) / G²  -  pi / (V a²),

    where d are the distances from r to the images of the charge, G the reciprocal lattice vectors
    and a the parameter of the Gaussians, on which the result does not depend. The last term is
    that of the background. At the charge itself the term of d = 0 is -2 a / sqrt(pi), so that the
    charge does not interact with its own Gaussian.

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
    width = _WIDTH_FACTOR * np.sqrt(np.pi) / np.cbrt(volume)
    # Both sums converge as exp(-reach²).
    reach = np.sqrt(_DIGITS * np.log(10))
    potential = _sum_direct_space(frac_coords, cell, width, reach / width)
    potential += _sum_reciprocal_space(frac_coords, cell, width, 2 * width * reach)
    potential -= np.pi / (volume * width**2)
    potential = COULOMB * (potential + potential.T) / 2
    own = float(potential[0, 0] / 2)
    np.fill_diagonal(potential, 0.0)
    return EwaldEnergies(potential, own)


def _sum_direct_space(
    frac: FloatArray, cell: FloatArray, width: float, cutoff: float
) -> FloatArray:
    """Return the (M, M) sum over images in direct space."""
    shifts = frac[:, None] - frac
    shifts -= np.rint(shifts)
    between = shifts @ cell
    farthest = float(np.linalg.norm(between, axis=-1).max())
    total = np.zeros(between.shape[:2])
    for vector in _list_vectors(cell, cutoff + farthest):
        distance = np.linalg.norm(between + vector, axis=-1)
        if not vector.any():
            np.fill_diagonal(distance, np.inf)
        total += erfc(width * distance) / distance
    np.fill_diagonal(total, total.diagonal() - 2 * width / np.sqrt(np.pi))
    return total


def _sum_reciprocal_space(
    frac: FloatArray, cell: FloatArray, width: float, cutoff: float
) -> FloatArray:
    """Return the (M, M) sum over reciprocal lattice vectors other than zero."""
    vectors = _list_vectors(np.asarray(2 * np.pi * np.linalg.inv(cell).T), cutoff)
    squares = (vectors**2).sum(1)
    vectors, squares = vectors[squares > 0], squares[squares > 0]
    volume = abs(float(np.linalg.det(cell)))
    weights = 4 * np.pi / volume * np.exp(-squares / (4 * width**2)) / squares
    phases = (frac @ cell) @ vectors.T
    # cos(G (r - s)) = cos(G r) cos(G s) + sin(G r) sin(G s): two matrix products for all pairs.
    cosines, sines = np.cos(phases), np.sin(phases)
    return np.asarray((cosines * weights) @ cosines.T + (sines * weights) @ sines.T)


def _list_vectors(basis: FloatArray, cutoff: float) -> FloatArray:
    """Return (k, 3) all lattice vectors of a basis (rows) up to a length."""
    heights = 1 / np.linalg.norm(np.linalg.inv(basis), axis=0)
    most = np.floor(cutoff / heights).astype(np.int64)
    axes = [np.arange(-count, count + 1) for count in most]
    vectors = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3) @ basis
    return np.asarray(vectors[(vectors**2).sum(1) <= cutoff**2])
