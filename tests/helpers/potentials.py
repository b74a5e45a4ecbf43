"""Potentials whose maxima are known, and hosts for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.electrostatics import PotentialGrid
from aiida_hpaint.science.structures import StructureBatch

COULOMB = 14.399645  # e² / (4 pi epsilon_0) in eV Å


def host_of(
    cell: np.ndarray, frac: Sequence[Sequence[float]] | np.ndarray, numbers: Sequence[int] = ()
) -> StructureBatch:
    """A host with atoms at fractional coordinates, Li unless told otherwise."""
    sites = np.reshape(np.asarray(frac, float), (-1, 3))
    return StructureBatch(
        labels=("host",),
        cells=np.asarray(cell, float)[None],
        site_counts=np.array([len(sites)]),
        numbers=np.array(list(numbers) or [3] * len(sites), dtype=int),
        frac_coords=sites,
        inserted=np.zeros(len(sites), dtype=bool),
    )


def fractions(shape: Sequence[int]) -> np.ndarray:
    """(n1, n2, n3, 3) fractional coordinates of the points of a grid."""
    axes = [np.arange(count) / count for count in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def cosines(
    cell: np.ndarray, shape: Sequence[int], top: np.ndarray, heights: Sequence[float]
) -> PotentialGrid:
    """One cosine along each axis: one maximum, at `top`, as high as all together."""
    waves = np.cos(2 * np.pi * (fractions(shape) - top))
    return PotentialGrid(cell, waves @ np.asarray(heights))


def ions(
    cell: np.ndarray,
    frac: np.ndarray,
    charges: Sequence[float],
    shape: Sequence[int],
    width: float = 0.45,
) -> PotentialGrid:
    """What an electron feels of Gaussian charges (of that width, Å) in a background."""
    orders = [np.fft.fftfreq(count, 1 / count) for count in shape]
    waves = np.stack(np.meshgrid(*orders, indexing="ij"), -1)
    vectors = waves @ (2 * np.pi * np.linalg.inv(cell).T)
    squares = (vectors**2).sum(-1)
    squares[0, 0, 0] = np.inf
    factors = np.exp(-2j * np.pi * waves @ np.asarray(frac).T) @ np.asarray(charges)
    smeared = 4 * np.pi / squares * np.exp(-squares * width**2 / 2) * factors
    scale = COULOMB / abs(np.linalg.det(cell)) * np.prod(shape)
    return PotentialGrid(cell, -scale * np.fft.ifftn(smeared).real)
