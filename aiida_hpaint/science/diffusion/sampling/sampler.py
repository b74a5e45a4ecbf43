"""Sampler: one framework for the four schemes of drawing unknown sites beside known ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import ModelCard
from aiida_hpaint.science.diffusion.noise import Noise
from aiida_hpaint.science.diffusion.sampling.corrector import LangevinCorrector
from aiida_hpaint.science.diffusion.sampling.predictor import AncestralPredictor
from aiida_hpaint.science.diffusion.sampling.schedule import plan_visits, resolve_settings
from aiida_hpaint.science.diffusion.sampling.schemes import (
    moving_sites,
    renoises_known,
    site_levels,
)
from aiida_hpaint.science.settings import SamplingSettings, Scheme

Estimate = Callable[[Crystals, Tensor], Tensor]
"""Noise estimate (B, N, 3) from noisy crystals and the level (B, N) told for each site."""

Draw = Callable[[], Tensor]
"""Standard normal numbers (B, N, 3), fresh at each call."""


@dataclass(frozen=True)
class Sampler:
    """Which steps lead from noise to samples; loop over `moves` and call `step`.

    Attributes
    ----------
    clean
        The crystals with known sites where the host has them; `unknown` marks the sought sites.
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
        """A sampler for crystals in reduced cells; see `resolve` for settings that are unset."""
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
        """Pairs of noise level indices, from and to; a smaller index means more noise."""
        return list(zip(self.path[:-1], self.path[1:], strict=True))

    def mark_moving(self, crystals: Crystals) -> Crystals:
        """Return the crystals with every site that the scheme moves marked as unknown."""
        moving = moving_sites(self.scheme, self.clean)
        return Crystals(crystals.numbers, moving, crystals.frac, crystals.cells)

    def site_levels(self, index: int) -> Tensor:
        """(B, N) the noise level of each site that the network is told at a level."""
        return site_levels(self.scheme, self.clean, self.predictor.levels[index])

    def step(
        self, crystals: Crystals, move: tuple[int, int], estimate: Estimate, draw: Draw
    ) -> tuple[Crystals, Crystals | None]:
        """Crystals after a move, and their mean over its kicks; a jump back up has no mean."""
        here, there = move
        if there < here:
            return self.predictor.renoise(crystals, here, there, draw()), None
        crystals = self._known_at(crystals, here, draw)
        levels, told = self.predictor.levels[here], self.site_levels(here)
        for _ in range(self.corrector_steps):
            found = estimate(crystals, told)
            axes = self.predictor.axes
            crystals = self.corrector.step(crystals, found, levels, draw(), axes)
        return self.predictor.step(crystals, estimate(crystals, told), here, draw())

    def _known_at(self, crystals: Crystals, index: int, draw: Draw) -> Crystals:
        """Return crystals whose known sites have fresh noise of a level, if the scheme asks it."""
        if not renoises_known(self.scheme):
            return crystals
        start = crystals.with_frac(self.clean.frac)
        noised = self.predictor.renoise(start, len(self.predictor.levels) - 1, index, draw())
        sought = self.clean.unknown[..., None]
        return crystals.with_frac(torch.where(sought, crystals.frac, noised.frac))


def compute_level_times(settings: SamplingSettings) -> Tensor:
    """(steps,) diffusion times of the noise levels, falling, for settings that are resolved."""
    assert settings.steps is not None
    assert settings.last_time is not None
    first, last = settings.start_time, settings.last_time
    return torch.linspace(first, last, settings.steps, dtype=torch.float64)
