"""LangevinCorrector: a step that stays at its noise level and brings a sample to equilibrium."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.sampling.predictor import displace

LARGEST_STEP = 1.0
"""Largest step size in squares of the noise level."""


@dataclass(frozen=True)
class LangevinCorrector:
    """Annealed Langevin dynamics (Song et al., arXiv:2011.13456, algorithms 2 and 4).

    The step size follows from the norms of score and kicks over the moving sites of each structure
    alone. MatterGen and XtalPaint average these norms over the batch, so that who shares a batch
    changes the sample; with one structure in the batch the steps are the same, except that
    MatterGen counts known sites, too.

    Attributes
    ----------
    snr
        Signal-to-noise ratio: larger ratios make larger steps.
    largest_step
        Bound of the step size, in squares of the noise level: near the end of a trajectory the
        estimate of a single site may vanish, and the unbounded step would throw the site anywhere.
    """

    snr: float
    largest_step: float = LARGEST_STEP

    def step(
        self, crystals: Crystals, estimate: Tensor, levels: Tensor, kicks: Tensor, axes: Tensor
    ) -> Crystals:
        """Crystals after one Langevin step; sites that are not `unknown` stay where they are.

        Parameters
        ----------
        estimate : (B, N, 3) noise estimate of the network, along the axes of the noise.
        levels : (B,) noise level of each structure.
        kicks : (B, N, 3) standard normal numbers along these axes.
        axes : (B, 3, 3) see `Noise.axes`.
        """
        score = -estimate / levels[:, None, None]
        size = self.step_size(crystals, score, levels, kicks)[:, None, None]
        return displace(crystals, size * score + torch.sqrt(2 * size) * kicks, axes)

    def step_size(self, crystals: Crystals, score: Tensor, levels: Tensor, kicks: Tensor) -> Tensor:
        """(B,) 2 (snr |kicks| / |score|)^2, bounded."""
        moving = crystals.unknown[..., None]
        kick, pull = ((x * moving).square().sum((1, 2)) for x in (kicks, score))
        size = 2 * self.snr**2 * kick / pull
        return torch.minimum(torch.nan_to_num(size, nan=torch.inf), self.largest_step * levels**2)
