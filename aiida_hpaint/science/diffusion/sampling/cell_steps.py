"""CellSteps: steps of noisy cells from one noise level to the next, at a level, and back up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.cell_noise import CellNoise
from aiida_hpaint.science.diffusion.sampling.corrector import LARGEST_STEP

CELL_SNR = 0.2
"""Signal-to-noise ratio of the corrector of cells, that of MatterGen's sampler."""

LEAST_KEPT = 1e-3
"""Least ratio of the shares of the clean cell at two levels, so that nothing is divided by 0."""

FLATTEST = 0.5
"""Smallest eigenvalue of a lattice matrix, Å. No reduced cell of a crystal is as flat, and pure
noise of a single site is in one of a thousand cases."""


@dataclass(frozen=True)
class CellSteps:
    """Ancestral and Langevin steps of symmetric lattice matrices, as MatterGen's.

    One thing differs: mattergen 1.0.3 draws a single number for all components of the noise of an
    ancestral step, and here they are independent, as those of its prior and its corrector are.

    Attributes
    ----------
    kept : (steps + 1,)
        Share of the clean cell at each level; the last, without noise, has 1.
    levels : (steps + 1, B)
        Standard deviation of the noise at each level, Å; the last is zero.
    mean : (B, 3, 3)
        Mean cells of pure noise, Å.
    deviation : (B,)
        Standard deviation of pure noise, Å.
    scale : number
        Factor of the noise that a step adds; see `AncestralPredictor.scale`.
    snr, largest_step : numbers
        See `LangevinCorrector`. As there, norms are of one structure, not of the batch.
    """

    kept: Tensor
    levels: Tensor
    mean: Tensor
    deviation: Tensor
    scale: float = 1.0
    snr: float = CELL_SNR
    largest_step: float = LARGEST_STEP

    @classmethod
    def create(
        cls, sites: Tensor, times: Tensor, noise: CellNoise, scale: float = 1.0
    ) -> CellSteps:
        """Create them for structures of (B,) sites and falling times (steps,)."""
        kept = noise.kept(torch.cat([times, torch.zeros_like(times[:1])]))
        deviation = noise.deviation(sites)
        levels = torch.sqrt(1 - kept.square())[:, None] * deviation
        return cls(kept, levels, noise.mean(sites), deviation, scale)

    def draw(self, normals: Tensor) -> Tensor:
        """Return cells (B, 3, 3) of pure noise from symmetric standard normal numbers."""
        return make_positive(self.mean + self.deviation[:, None, None] * normals)

    def predict(self, cells: Tensor, estimate: Tensor, timestep: int, normals: Tensor) -> Tensor:
        """Return cells at the next lower level (Ho et al., arXiv:2006.11239, eq. 7).

        Parameters
        ----------
        estimate : (B, 3, 3) noise estimate of the network, symmetric.
        normals : (B, 3, 3) symmetric standard normal numbers; the last step ignores them.
        """
        ratio = self.kept[timestep] / self.kept[timestep + 1]
        now, after = (self.levels[timestep + k][:, None, None] for k in (0, 1))
        added = now.square() - (after * ratio).square()
        ratio = ratio.clamp(min=LEAST_KEPT)
        now = now.clamp(min=1e-12)
        denoised = (cells - added / now * estimate) / ratio + (1 - 1 / ratio) * self.mean
        spread = self.scale * torch.sqrt(added.clamp(min=0)) * after / now
        return make_positive(denoised + spread * normals)

    def correct(self, cells: Tensor, estimate: Tensor, timestep: int, normals: Tensor) -> Tensor:
        """Return cells after one Langevin step at their level; arguments as of `predict`."""
        level = self.levels[timestep]
        score = -estimate / level[:, None, None]
        shrinks = (self.kept[timestep] / self.kept[timestep + 1]).square()
        random, pull = (x.square().sum((1, 2)) for x in (normals, score))
        size = torch.nan_to_num(2 * shrinks * self.snr**2 * random / pull, nan=torch.inf)
        size = torch.minimum(size, self.largest_step * level.square())[:, None, None]
        return make_positive(cells + size * score + torch.sqrt(2 * size) * normals)

    def renoise(self, cells: Tensor, here: int, there: int, normals: Tensor) -> Tensor:
        """Add noise to cells at the level `here`, up to the higher level `there` (indices)."""
        ratio = self.kept[there] / self.kept[here]
        low, high = (self.levels[index][:, None, None] for index in (here, there))
        spread = torch.sqrt((high.square() - (low * ratio).square()).clamp(min=0))
        return make_positive(ratio * cells + (1 - ratio) * self.mean + spread * normals)


def make_positive(cells: Tensor) -> Tensor:
    """Return right-handed cells that are nowhere flatter than `FLATTEST`; most stay as they are.

    Symmetric lattice matrices whose eigenvalues have other signs are equivalent to the one without:
    MatterGen's polar decomposition. Cells that are not finite stay so.
    """
    cells = (cells + cells.transpose(1, 2)) / 2
    finite = cells.isfinite().all((1, 2))[:, None, None]
    values, vectors = torch.linalg.eigh(torch.where(finite, cells, torch.eye(3).to(cells)))
    lengths = values.abs().clamp(min=FLATTEST)
    mended = (vectors * lengths[:, None]) @ vectors.transpose(1, 2)
    is_wrong = (values < FLATTEST).any(1)[:, None, None] & finite
    return torch.where(is_wrong, (mended + mended.transpose(1, 2)) / 2, cells)
