"""AncestralPredictor: one step from a noise level to the next lower one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.diffusion.cards import NoiseSettings
from aiida_hpaint.diffusion.crystals import Crystals
from aiida_hpaint.diffusion.noise import noise_levels


@dataclass(frozen=True)
class AncestralPredictor:
    """Ancestral sampling of a variance-exploding diffusion (Song et al., arXiv:2011.13456, eq. 47).

    Attributes
    ----------
    levels : (steps + 1, B)
        Noise levels in Å, falling; the last is zero.
    """

    levels: Tensor

    @classmethod
    def create(cls, cells: Tensor, steps: int, settings: NoiseSettings) -> AncestralPredictor:
        """Levels for reduced cells (B, 3, 3), lattice vectors as rows in Å."""
        return cls(noise_levels(cells, steps, settings))

    @property
    def timesteps(self) -> range:
        """Indices of the levels from which to step."""
        return range(len(self.levels) - 1)

    def site_levels(self, crystals: Crystals, timestep: int) -> Tensor:
        """(B, N) noise level of each site in Å: zero for known sites."""
        return self.levels[timestep][:, None] * crystals.unknown

    def step(self, crystals: Crystals, estimate: Tensor, timestep: int, kicks: Tensor) -> Crystals:
        """Crystals at the next level; known sites keep their coordinates bit for bit.

        Parameters
        ----------
        estimate : (B, N, 3) noise estimate of the network, Cartesian.
        kicks : (B, N, 3) standard normal numbers, Cartesian; unused in the last step.
        """
        now, after = (self.levels[timestep + k][:, None, None] for k in (0, 1))
        drift = -(now - after.square() / now) * estimate
        spread = after * torch.sqrt(1 - after.square() / now.square())
        moves = torch.linalg.solve(crystals.cells, drift + spread * kicks, left=False)
        moved = torch.remainder(crystals.frac + moves, 1.0)
        return crystals.with_frac(torch.where(crystals.unknown[..., None], moved, crystals.frac))
