"""LangevinCorrector: a step that stays at its noise level and brings a sample to equilibrium."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.sampling.predictor import displace

LARGEST_STEP = 1.0
"""Largest step size, in squares of the noise level."""


@dataclass(frozen=True)
class LangevinCorrector:
    """Annealed Langevin dynamics (Song et al., arXiv:2011.13456, algorithms 2 and 4).

    The step size follows from the norms of the score and of the random numbers over the moving
    sites of each structure. MatterGen and XtalPaint average these norms over the batch, so that a
    sample depends on its batch; with one structure in the batch the steps are the same, except
    that MatterGen counts known sites, too.

    Attributes
    ----------
    snr
        Signal-to-noise ratio: larger ratios make larger steps.
    largest_step
        Bound of the step size, in squares of the noise level: near the end of a trajectory the
        estimate of a single site may vanish, and an unbounded step would move it anywhere.
    """

    snr: float
    largest_step: float = LARGEST_STEP

    def step(
        self, crystals: Crystals, estimate: Tensor, levels: Tensor, normals: Tensor, axes: Tensor
    ) -> Crystals:
        """Return crystals after one Langevin step; only `unknown` sites move.

        Parameters
        ----------
        estimate : (B, N, 3) noise estimate of the network, along the axes of the noise.
        levels : (B,) noise level of each structure.
        normals : (B, N, 3) standard normal numbers along these axes.
        axes : (B, 3, 3) see `Noise.axes`.
        """
        score = -estimate / levels[:, None, None]
        size = self.step_size(crystals, score, levels, normals)[:, None, None]
        return displace(crystals, size * score + torch.sqrt(2 * size) * normals, axes)

    def step_size(
        self, crystals: Crystals, score: Tensor, levels: Tensor, normals: Tensor
    ) -> Tensor:
        """Return `2 (snr |normals| / |score|)^2` for each structure (B,), bounded."""
        moving = crystals.unknown[..., None]
        random, pull = ((x * moving).square().sum((1, 2)) for x in (normals, score))
        size = 2 * self.snr**2 * random / pull
        # Without unknown sites both norms are zero, and no size does any harm.
        return torch.minimum(torch.nan_to_num(size, nan=torch.inf), self.largest_step * levels**2)
