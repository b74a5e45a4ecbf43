"""Sampler: the steps from noise to samples, the same for all four inpainting schemes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import ModelCard
from aiida_hpaint.science.diffusion.noise import Noise
from aiida_hpaint.science.diffusion.sampling.corrector import LangevinCorrector
from aiida_hpaint.science.diffusion.sampling.predictor import AncestralPredictor
from aiida_hpaint.science.diffusion.sampling.schedule import plan_visits, resolve_settings
from aiida_hpaint.science.diffusion.sampling.schemes import (
    find_moving_sites,
    renoises_known,
    report_site_levels,
)
from aiida_hpaint.science.settings import SamplingSettings, Scheme

Estimate = Callable[[Crystals, Tensor], Tensor]
"""Function that estimates noise (B, N, 3) from noisy crystals and the reported levels (B, N)."""

Normals = Callable[[], Tensor]
"""Function that returns standard normal numbers (B, N, 3), fresh at each call."""


@dataclass(frozen=True)
class Sampler:
    """Steps that lead from noise to samples; loop over `moves` and call `step`.

    Attributes
    ----------
    clean
        Crystals with known sites where the host has them; `unknown` marks the sites to insert.
    times : (steps,)
        Diffusion times of the noise levels, falling.
    """

    scheme: Scheme
    clean: Crystals
    times: Tensor
    path: list[int]
    predictor: AncestralPredictor
    corrector: LangevinCorrector
    corrector_steps: int

    @classmethod
    def create(cls, clean: Crystals, card: ModelCard, settings: SamplingSettings) -> Sampler:
        """Create one for crystals in reduced cells; unset settings are those of the card."""
        settings = resolve_settings(settings, card)
        assert settings.scheme
        assert settings.snr
        assert settings.corrector_steps is not None
        assert settings.noise_scale is not None
        noise = Noise(card.noise)
        times = compute_level_times(settings).to(clean.frac)
        return cls(
            scheme=settings.scheme,
            clean=clean,
            times=times,
            path=plan_visits(settings),
            predictor=AncestralPredictor.create(clean, times, noise, settings.noise_scale),
            corrector=LangevinCorrector(settings.snr),
            corrector_steps=settings.corrector_steps,
        )

    @property
    def moves(self) -> list[tuple[int, int]]:
        """Pairs of indices of noise levels, from and to; a smaller index means more noise."""
        return list(zip(self.path[:-1], self.path[1:], strict=True))

    @property
    def axes(self) -> Tensor:
        """Lattice vectors (B, 3, 3) along the axes of the noise, see `Noise.axes`."""
        return self.predictor.axes

    def mark_moving(self, crystals: Crystals) -> Crystals:
        """Return the crystals with every site that the scheme moves marked as unknown."""
        moving = find_moving_sites(self.scheme, self.clean)
        return replace(crystals, unknown=moving)

    def site_levels(self, index: int) -> Tensor:
        """Return the noise level (B, N) that the network is given for each site at a level."""
        return report_site_levels(self.scheme, self.clean, self.predictor.levels[index])

    def step(
        self, crystals: Crystals, move: tuple[int, int], estimate: Estimate, normals: Normals
    ) -> tuple[Crystals, Crystals | None]:
        """Return crystals after a move, and their mean over its noise; a jump back up has none."""
        here, there = move
        if there < here:
            return self.predictor.renoise(crystals, here, there, normals()), None
        crystals = self.renoise_known(crystals, here, normals)
        levels, reported = self.predictor.levels[here], self.site_levels(here)
        for _ in range(self.corrector_steps):
            found = estimate(crystals, reported)
            crystals = self.corrector.step(crystals, found, levels, normals(), self.axes)
        return self.predictor.step(crystals, estimate(crystals, reported), here, normals())

    def renoise_known(self, crystals: Crystals, index: int, normals: Normals) -> Crystals:
        """Return crystals whose known sites have fresh noise of a level, if the scheme asks it."""
        if not renoises_known(self.scheme):
            return crystals
        start = crystals.with_frac(self.clean.frac)
        noised = self.predictor.renoise(start, len(self.predictor.levels) - 1, index, normals())
        unknown = self.clean.unknown[..., None]
        return crystals.with_frac(torch.where(unknown, crystals.frac, noised.frac))


def compute_level_times(settings: SamplingSettings) -> Tensor:
    """Return the diffusion times (steps,) of the noise levels, falling, for resolved settings."""
    assert settings.steps is not None
    assert settings.last_time is not None
    first, last = settings.start_time, settings.last_time
    return torch.linspace(first, last, settings.steps, dtype=torch.float64)
