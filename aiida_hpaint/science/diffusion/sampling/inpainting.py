"""Inpainting with a score network: unknown sites start from noise, known sites stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.cards import ModelCard
from aiida_hpaint.science.diffusion.models.checkpoints import Model
from aiida_hpaint.science.diffusion.sampling.generators import SampledPath, SampleRequest, Tick
from aiida_hpaint.science.diffusion.sampling.guidance import Guidance
from aiida_hpaint.science.diffusion.sampling.noise_streams import NoiseStreams
from aiida_hpaint.science.diffusion.sampling.sampler import Estimate, Sampler
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.types import FloatArray

SamplerFactory = Callable[[Crystals, ModelCard, SamplingSettings], Sampler]
"""Function that makes a sampler from clean crystals, the card of a model and the settings."""


@torch.no_grad()
def inpaint(
    requests: Sequence[SampleRequest],
    model: Model,
    settings: SamplingSettings,
    *,
    record: int = 0,
    tick: Tick | None = None,
    make_sampler: SamplerFactory = Sampler.create,
) -> list[SampledPath]:
    """Sample the positions of the unknown sites of each request, all in one batch.

    A sample depends on its own random numbers only, never on the requests beside it.

    Parameters
    ----------
    record
        Keep the positions after every n-th step and the last, and their means; 0 keeps none.
    tick
        Called with the fraction of the work that is done.
    make_sampler
        Makes the sampler of the batch; another one replaces its predictor or corrector.
    """
    clean = collate_requests(requests, model)
    streams = NoiseStreams([request.rng for request in requests], clean.frac)
    guidance = Guidance.create(requests, clean)
    sampler = make_sampler(clean, model.card, settings)
    crystals = sampler.mark_moving(start_sites(requests, clean, sampler, streams, guidance))
    prepared = model.network.prepare(crystals)

    def make_estimate(index: int) -> Estimate:
        levels, axes = sampler.predictor.levels[index], sampler.predictor.axes
        return lambda noisy, reported: guidance.correct(
            noisy, model.estimate(noisy, reported, prepared), levels, axes
        )

    moving = [
        crystals.unknown[row, : len(request.unknown)].cpu().numpy()
        for row, request in enumerate(requests)
    ]
    recorder = _Recorder(requests, record, len(sampler.moves))
    recorder.add(crystals, None, 0)
    for done, move in enumerate(sampler.moves):
        crystals, mean = sampler.step(
            crystals, move, make_estimate(move[0]), lambda: streams.normal(moving)
        )
        recorder.add(crystals, mean, done + 1)
        if tick is not None:
            tick((done + 1) / len(sampler.moves))
    return recorder.finish(crystals)


def collate_requests(requests: Sequence[SampleRequest], model: Model) -> Crystals:
    """Return the crystals of requests as a model takes them; unknown sites are at the origin."""
    return collate(
        [request.numbers for request in requests],
        # Positions of unknown sites are NaN, which would spread to all sites of a sum.
        [np.nan_to_num(request.frac) for request in requests],
        [request.frame.cell for request in requests],
        [request.unknown for request in requests],
        carried=[request.carried for request in requests],
    ).to(model.device, model.dtype)


def start_sites(
    requests: Sequence[SampleRequest],
    clean: Crystals,
    sampler: Sampler,
    streams: NoiseStreams,
    guidance: Guidance,
) -> Crystals:
    """Return sites at their parents or guesses plus noise of the first level, others anywhere.

    At time 1 noise is so large that noisy positions are as good as uniform in the cell.
    """
    unknown, last = [request.unknown for request in requests], len(sampler.predictor.levels) - 1
    if sampler.times[0] < 1:
        return sampler.predictor.renoise(clean, last, 0, streams.normal(unknown))
    placed = guidance.place(clean, streams)
    noisy = sampler.predictor.renoise(placed, last, 0, streams.normal(guidance.masks))
    free = [mask & ~guided for mask, guided in zip(unknown, guidance.masks, strict=True)]
    anywhere = clean.unknown & ~guidance.guided
    return noisy.with_frac(torch.where(anywhere[..., None], streams.uniform(free), noisy.frac))


class _Recorder:
    """Collects the positions of the unknown sites of each request over the steps."""

    def __init__(self, requests: Sequence[SampleRequest], record: int, last: int) -> None:
        self.requests, self.record, self.last = requests, record, last
        self.positions: list[list[FloatArray]] = []
        self.means: list[list[FloatArray]] = []

    def add(self, crystals: Crystals, mean: Crystals | None, step: int) -> None:
        if not self.record or (step % self.record and step != self.last):
            return
        if step:
            # A jump back up to more noise has no mean.
            frac = torch.full_like(crystals.frac, torch.nan) if mean is None else mean.frac
            self.means.append(self._unknown(frac))
        self.positions.append(self._unknown(crystals.frac))

    def finish(self, crystals: Crystals) -> list[SampledPath]:
        final = self._unknown(crystals.frac)
        return [
            SampledPath(final[row], [p[row] for p in self.positions], [m[row] for m in self.means])
            for row in range(len(self.requests))
        ]

    def _unknown(self, frac: Tensor) -> list[FloatArray]:
        found = frac.double().cpu().numpy()
        return [
            found[row, : len(request.unknown)][request.unknown]
            for row, request in enumerate(self.requests)
        ]
