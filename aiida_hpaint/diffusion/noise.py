"""Noise in positions: how much there is at each level, and what a network is to make of it.

Isotropic Cartesian noise, wrapped into the cell: the variance-exploding diffusion of Song et al.
(arXiv:2011.13456, eq. 9) with the wrapped normal of a torus as its kernel, as in MatterGen
(Zeni et al. 2025, supplementary A.5) but with one standard deviation in Å along all directions.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aiida_hpaint.diffusion.cards import NoiseSettings

FloatArray = NDArray[np.float64]


def largest_level(cells: Tensor, settings: NoiseSettings) -> Tensor:
    """(B,) the noise level in Å at which positions are uniform in the (reduced) cell."""
    edges = torch.linalg.vector_norm(cells, dim=-1).max(-1).values
    return torch.clamp(settings.cell_fraction * edges, max=settings.largest)


def noise_levels(cells: Tensor, steps: int, settings: NoiseSettings) -> Tensor:
    """(steps + 1, B) geometric noise levels in Å, from the largest to the smallest, then zero."""
    times = torch.linspace(1, 0, steps, dtype=cells.dtype, device=cells.device)
    ratio = largest_level(cells, settings) / settings.smallest
    levels = settings.smallest * ratio[None] ** times[:, None]
    return torch.cat([levels, torch.zeros_like(levels[:1])])


def wrapped_noise(displacements: FloatArray, cell: FloatArray, level: float) -> FloatArray:
    """Expected noise (M, 3), dimensionless, of sites that were displaced and wrapped.

    The score of the wrapped normal distribution times minus the noise level: the average of the
    displacement over all periodic images, weighted with their probabilities.

    Parameters
    ----------
    displacements : (M, 3) fractional, from the clean to the noisy positions.
    cell : (3, 3) lattice vectors as rows, Å.
    level : standard deviation of the noise, Å.
    """
    nearest = displacements - np.round(displacements)
    images = (nearest[:, None] + _relevant_images(cell, level)) @ cell
    exponents = -0.5 * (images / level) ** 2
    weights = exponents.sum(-1)
    weights = np.exp(weights - weights.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.asarray((weights[..., None] * images).sum(1) / level)


def _relevant_images(cell: FloatArray, level: float) -> FloatArray:
    """Image translations (K, 3), fractional, whose weight is above about exp(-8)."""
    spacings = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    limits = np.ceil(4 * level / spacings + 0.5).astype(int)
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float64)
