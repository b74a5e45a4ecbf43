"""Drawing samples with a score network: unknown sites from noise, known sites as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.checkpoints import Model
from aiida_hpaint.science.diffusion.sampling.host_frame import HostFrame
from aiida_hpaint.science.diffusion.sampling.noise_streams import NoiseStreams
from aiida_hpaint.science.diffusion.sampling.sampler import Sampler
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.types import FloatArray

Tick = Callable[[float], None]


@dataclass(frozen=True)
class SampleRequest:
    """One sample to draw: a host in its own frame and the random numbers of the sample.

    `frac` (n, 3) is fractional in the frame. Where a position is sought (`unknown`) it is NaN, or
    the guess to refine.
    """

    frame: HostFrame
    numbers: NDArray[np.int64]
    frac: FloatArray
    unknown: NDArray[np.bool_]
    rng: np.random.Generator

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) sites that the host has."""
        return ~self.unknown


@dataclass(frozen=True)
class SampledPath:
    """Positions of the sought sites of one draw, fractional in its frame."""

    final: FloatArray
    positions: list[FloatArray] = field(default_factory=list)
    means: list[FloatArray] = field(default_factory=list)


@torch.no_grad()
def inpaint(
    draws: Sequence[SampleRequest],
    model: Model,
    settings: SamplingSettings,
    *,
    record: int = 0,
    tick: Tick | None = None,
) -> list[SampledPath]:
    """Sample each draw; the way there is kept on request.

    Each draw depends on its own random numbers only, never on the draws beside it.

    Parameters
    ----------
    record
        Keep the positions after every n-th step and the last, and their means; 0 keeps none.
    tick
        Called with the fraction of the work that is done.
    """
    clean = _collate(draws).to(model.device, model.dtype)
    kicks = NoiseStreams([draw.rng for draw in draws], clean.frac)
    sampler = Sampler.create(clean, model.card, settings)
    crystals = sampler.start(_first(draws, clean, sampler, kicks))
    prepared = model.network.prepare(crystals)
    moving = [crystals.unknown[row, : len(d.unknown)].cpu().numpy() for row, d in enumerate(draws)]
    paths = _Paths(draws, record, len(sampler.moves))
    paths.add(crystals, None, 0)
    for done, move in enumerate(sampler.moves):
        crystals, mean = sampler.step(
            crystals,
            move,
            lambda noisy, levels: model.estimate(noisy, levels, prepared),
            lambda: kicks.normal(moving),
        )
        paths.add(crystals, mean, done + 1)
        if tick is not None:
            tick((done + 1) / len(sampler.moves))
    return paths.finish(crystals)


def _collate(draws: Sequence[SampleRequest]) -> Crystals:
    return collate(
        [draw.numbers for draw in draws],
        [np.nan_to_num(draw.frac) for draw in draws],
        [draw.frame.cell for draw in draws],
        [draw.unknown for draw in draws],
    )


def _first(
    draws: Sequence[SampleRequest], clean: Crystals, sampler: Sampler, kicks: NoiseStreams
) -> Crystals:
    """Sought sites anywhere in the cell, or at their guess plus noise of the first level."""
    sought = [draw.unknown for draw in draws]
    if sampler.times[0] == 1:
        positions = kicks.uniform(sought)
        return clean.with_frac(torch.where(clean.unknown[..., None], positions, clean.frac))
    last = len(sampler.predictor.levels) - 1
    return sampler.predictor.renoise(clean, last, 0, kicks.normal(sought))


class _Paths:
    """Collects positions of the sought sites, of each draw, over the steps."""

    def __init__(self, draws: Sequence[SampleRequest], record: int, last: int) -> None:
        self.draws, self.record, self.last = draws, record, last
        self.positions: list[list[FloatArray]] = []
        self.means: list[list[FloatArray]] = []

    def add(self, crystals: Crystals, mean: Crystals | None, step: int) -> None:
        if not self.record or (step % self.record and step != self.last):
            return
        if step:
            nowhere = torch.full_like(crystals.frac, torch.nan)
            self.means.append(self._sought(nowhere if mean is None else mean.frac))
        self.positions.append(self._sought(crystals.frac))

    def finish(self, crystals: Crystals) -> list[SampledPath]:
        final = self._sought(crystals.frac)
        return [
            SampledPath(final[row], [p[row] for p in self.positions], [m[row] for m in self.means])
            for row in range(len(self.draws))
        ]

    def _sought(self, frac: Tensor) -> list[FloatArray]:
        found = frac.double().cpu().numpy()
        return [found[row, : len(d.unknown)][d.unknown] for row, d in enumerate(self.draws)]
