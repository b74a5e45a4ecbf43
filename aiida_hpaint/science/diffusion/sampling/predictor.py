"""AncestralPredictor: one step from a noise level to the next lower one, or back up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.noise import Noise


@dataclass(frozen=True)
class AncestralPredictor:
    """Ancestral sampling of a variance-exploding diffusion (Song et al., arXiv:2011.13456, eq. 47).

    Attributes
    ----------
    levels : (steps + 1, B)
        Noise levels, falling; the last is zero.
    axes : (B, 3, 3)
        Lattice vectors along the axes of the noise, see `Noise.axes`.
    scale : number
        Factor of the noise that each step adds. At 1 samples follow the distribution that was
        learned; below, they gather where it is high (the noise scale of Yim et al.,
        arXiv:2302.02277, section 5).
    """

    levels: Tensor
    axes: Tensor
    scale: float = 1.0

    @classmethod
    def create(
        cls, crystals: Crystals, times: Tensor, noise: Noise, scale: float = 1.0
    ) -> AncestralPredictor:
        """Create one for crystals in reduced cells; times (steps,) fall within [0, 1]."""
        levels = noise.levels(crystals, times)
        falling = torch.cat([levels, torch.zeros_like(levels[:1])])
        return cls(falling, noise.axes(crystals.cells), scale)

    @property
    def timesteps(self) -> range:
        """Indices of the levels from which to step."""
        return range(len(self.levels) - 1)

    def step(
        self, crystals: Crystals, estimate: Tensor, timestep: int, normals: Tensor
    ) -> tuple[Crystals, Crystals]:
        """Return crystals at the next level, and their mean over the random numbers.

        Sites that are not `unknown` keep their coordinates bit for bit.

        Parameters
        ----------
        estimate : (B, N, 3) noise estimate of the network, along the axes of the noise.
        normals : (B, N, 3) standard normal numbers along these axes; the last step ignores them,
            as it leads to positions without noise.
        """
        now, after = (self.levels[timestep + k][:, None, None] for k in (0, 1))
        drift = -(now - after.square() / now) * estimate
        spread = self.scale * after * torch.sqrt(1 - after.square() / now.square())
        return (
            displace(crystals, drift + spread * normals, self.axes),
            displace(crystals, drift, self.axes),
        )

    def renoise(self, crystals: Crystals, here: int, there: int, normals: Tensor) -> Crystals:
        """Add noise to crystals at the level `here`, up to the higher level `there` (indices)."""
        low, high = (self.levels[index][:, None, None] for index in (here, there))
        return displace(crystals, torch.sqrt(high.square() - low.square()) * normals, self.axes)


def displace(crystals: Crystals, moves: Tensor, axes: Tensor) -> Crystals:
    """Move the unknown sites by moves (B, N, 3) along the axes (B, 3, 3) of the noise."""
    shifts = torch.linalg.solve(axes, moves, left=False)
    moved = torch.remainder(crystals.frac + shifts, 1.0)
    return crystals.with_frac(torch.where(crystals.unknown[..., None], moved, crystals.frac))
