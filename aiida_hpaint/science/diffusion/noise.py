"""Noise in positions: its level at each time, and the estimate that a network is trained for.

Variance-exploding diffusion (Song et al., arXiv:2011.13456, eq. 9) wrapped into the cell, isotropic
along Cartesian axes (in Å) or along the lattice vectors (fractional; MatterGen, Zeni et al. 2025,
supplementary A.5). The noise level grows geometrically with the time, from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    FractionalNoiseSettings,
    NoiseSettings,
)
from aiida_hpaint.science.types import FloatArray


@dataclass(frozen=True)
class Noise:
    """Levels and axes of the noise that a model is trained with."""

    settings: NoiseSettings

    def bounds(self, cells: Tensor, sites: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise levels (B,) at times 0 and 1 of structures with `sites` (B,) sites.

        Cells are reduced. Cartesian noise is in Å, up to where positions are uniform in the cell;
        fractional noise is divided by the cube root of the number of sites.
        """
        settings = self.settings
        if isinstance(settings, FractionalNoiseSettings):
            scale = sites.to(cells) ** (-1 / 3)
            return settings.smallest * scale, settings.largest * scale
        largest = find_largest_level(cells, settings)
        return torch.full_like(largest, settings.smallest), largest

    def levels(self, crystals: Crystals, times: Tensor) -> Tensor:
        """Return the noise levels (T, B) at times (T,)."""
        low, high = self.bounds(crystals.cells, crystals.present.sum(1))
        return low * (high / low) ** times.to(low)[:, None]

    def times(self, levels: Tensor, crystals: Crystals) -> Tensor:
        """Return the times (B, N) of noise levels (B, N); 0 if a level is below that of time 0."""
        low, high = self.bounds(crystals.cells, crystals.present.sum(1))
        ratio = torch.maximum(levels, low[:, None]) / low[:, None]
        return ratio.log() / (high / low).log()[:, None]

    def axes(self, cells: Tensor) -> Tensor:
        """Return the lattice vectors (B, 3, 3), rows, in the coordinates where noise is isotropic.

        Fractional coordinates times these matrices are such coordinates: Cartesian ones, or
        fractional ones, for which the matrix is the identity.
        """
        if self.settings.kind == "fractional":
            return torch.eye(3, dtype=cells.dtype, device=cells.device).expand_as(cells)
        return cells


def find_largest_level(cells: Tensor, settings: CartesianNoiseSettings) -> Tensor:
    """Find the noise level (B,) in Å at which positions are uniform in the (reduced) cell."""
    edges = torch.linalg.vector_norm(cells, dim=-1).max(-1).values
    return torch.clamp(settings.cell_fraction * edges, max=settings.largest)


def compute_wrapped_noise(displacements: FloatArray, axes: FloatArray, level: float) -> FloatArray:
    """Compute the expected noise (M, 3), dimensionless, of sites that were displaced and wrapped.

    It is the score of the wrapped normal distribution times minus the noise level: the average of
    the displacement over all periodic images, weighted with their probabilities.

    Parameters
    ----------
    displacements : (M, 3) fractional, from the clean to the noisy positions.
    axes : (3, 3) lattice vectors as rows along the axes of the noise: Å, or the identity.
    level : standard deviation of the noise along these axes.
    """
    # Which image a site came from is not known once it is wrapped, so that the displacement itself
    # is no target: a network could only learn its average.
    nearest = displacements - np.round(displacements)
    images = (nearest[:, None] + _list_relevant_images(axes, level)) @ axes
    exponents = -0.5 * (images / level) ** 2
    weights = exponents.sum(-1)
    # Only ratios count; the largest is 1, so that not all of them underflow.
    weights = np.exp(weights - weights.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.asarray((weights[..., None] * images).sum(1) / level)


def _list_relevant_images(cell: FloatArray, level: float) -> FloatArray:
    """List the image translations (K, 3), fractional, whose weight is above about exp(-8)."""
    spacings = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    limits = np.ceil(4 * level / spacings + 0.5).astype(int)
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float64)
