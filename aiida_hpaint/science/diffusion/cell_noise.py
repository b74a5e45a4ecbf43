"""Noise in cells: that of symmetric lattice matrices, towards a cube of a mean density.

Variance-preserving diffusion (Song et al., arXiv:2011.13456, eq. 11) as in MatterGen (Zeni et al.,
Nature 2025, supplementary A.4). A lattice matrix is symmetric, which fixes the orientation of the
crystal; its noise is symmetric, too. At time 1 nothing is left of the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.models.cards import CellNoiseSettings

__all__ = ["CellNoise", "symmetrise_normals"]


@dataclass(frozen=True)
class CellNoise:
    """Distribution of noisy cells at each time."""

    settings: CellNoiseSettings

    def kept(self, times: Tensor) -> Tensor:
        """Return the share of the clean cell in the mean of noisy ones, at times of any shape."""
        first, rise = self.settings.beta_min, self.settings.beta_max - self.settings.beta_min
        return torch.exp(-0.25 * times.square() * rise - 0.5 * times * first)

    def mean(self, sites: Tensor) -> Tensor:
        """Return the mean cells (B, 3, 3) of pure noise, Å, for numbers of sites (B,)."""
        edges = (sites / self.settings.density) ** (1 / 3)
        return edges[:, None, None] * torch.eye(3, dtype=edges.dtype, device=edges.device)

    def deviation(self, sites: Tensor) -> Tensor:
        """Return the standard deviations (B,) of the components of pure noise, Å."""
        return torch.as_tensor(self.settings.variance**0.5 * sites ** (1 / 3))


def symmetrise_normals(normals: Tensor) -> Tensor:
    """Make (B, 3, 3) independent standard normal numbers symmetric, all of variance 1 as before."""
    diagonal = torch.diag_embed(torch.diagonal(normals, dim1=1, dim2=2))
    twice = normals + normals.transpose(1, 2)
    return diagonal + (twice - torch.diag_embed(torch.diagonal(twice, dim1=1, dim2=2))) / 2**0.5
