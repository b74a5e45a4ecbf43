"""Sampling of positions and cells together, with a model that has learned both.

Known sites keep their fractional coordinates, as the inpainting scheme says; the cell is one for
all sites and is denoised with them. Above the time `sampling.cell_start` it is the cell of the
host with the noise of each level, so that below it the network changes what that noise has blurred,
and no more (Meng et al., SDEdit, arXiv:2108.01073). From time 1 on, nothing is known of the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.cell_noise import CellNoise
from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.lattice import make_symmetric
from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.models.checkpoints import Model
from aiida_hpaint.science.diffusion.sampling.cell_steps import CellSteps
from aiida_hpaint.science.diffusion.sampling.generators import SampledPath, SampleRequest, Tick
from aiida_hpaint.science.diffusion.sampling.guidance import Guidance
from aiida_hpaint.science.diffusion.sampling.inpainting import (
    SamplerFactory,
    collate_requests,
    start_sites,
)
from aiida_hpaint.science.diffusion.sampling.noise_streams import NoiseStreams
from aiida_hpaint.science.diffusion.sampling.sampler import Normals, Sampler
from aiida_hpaint.science.settings import SamplingSettings

__all__ = ["FreeCellSampler", "inpaint_with_cells"]

JointEstimate = Callable[[Crystals, Tensor], tuple[Tensor, Tensor]]
"""Function that estimates the noise of positions and of cells; see `sampler.Estimate`."""


@dataclass(frozen=True)
class FreeCellSampler:
    """Steps of positions and cells; see `Sampler`.

    Attributes
    ----------
    positions
        Sampler whose predictor, corrector and scheme move the sites.
    cells
        Steps of the cells.
    first
        Index of the level from which cells are denoised; None: they begin with pure noise.
    """

    positions: Sampler
    cells: CellSteps
    first: int | None

    @classmethod
    def create(
        cls, sampler: Sampler, noise: CellNoise, settings: SamplingSettings
    ) -> FreeCellSampler:
        """Create one from that of the positions, whose clean crystals have the hosts' cells."""
        times, clean = sampler.times, sampler.clean
        # Times of resolved settings fall to `cell_start` at least; rounding aside.
        below = (times <= settings.cell_start + 1e-6).nonzero()[:, 0]
        sites = clean.present.sum(1).to(clean.frac)
        scale = 1.0 if settings.noise_scale is None else settings.noise_scale
        steps = CellSteps.create(sites, times, noise, scale)
        from_noise = settings.cell_start == 1 and float(times[0]) == 1
        return cls(sampler, steps, None if from_noise else int(below[0]))

    def start(self, crystals: Crystals, matrices: Normals) -> Crystals:
        """Return the crystals with the cells of the first noise level."""
        if self.first is None:
            return replace(crystals, cells=self.cells.draw(matrices()))
        return self._hold(crystals, 0, matrices)

    def step(
        self,
        crystals: Crystals,
        move: tuple[int, int],
        estimate: JointEstimate,
        normals: Normals,
        matrices: Normals,
    ) -> Crystals:
        """Return crystals after a move between levels.

        Parameters
        ----------
        matrices
            Function that returns symmetric standard normal numbers (B, 3, 3), fresh at each call.
        """
        here, there = move
        base, steps = self.positions, self.cells
        if there < here:
            moved = base.predictor.renoise(crystals, here, there, normals())
            cells = steps.renoise(crystals.cells, here, there, matrices())
            return replace(moved, cells=cells)
        crystals = base.renoise_known(crystals, here, normals)
        if self.first is not None and 0 < here <= self.first:
            crystals = self._hold(crystals, here, matrices)
        levels, reported, axes = base.predictor.levels[here], base.site_levels(here), base.axes
        for _ in range(base.corrector_steps):
            found, of_cells = estimate(crystals, reported)
            moved = base.corrector.step(crystals, found, levels, normals(), axes)
            crystals = self._move(moved, here, steps.correct, of_cells, matrices())
        found, of_cells = estimate(crystals, reported)
        moved, _ = base.predictor.step(crystals, found, here, normals())
        return self._move(moved, here, steps.predict, of_cells, matrices())

    def _hold(self, crystals: Crystals, index: int, matrices: Normals) -> Crystals:
        """Return crystals in the cells of their hosts with the noise of a level."""
        last = len(self.cells.kept) - 1
        cells = self.cells.renoise(self.positions.clean.cells, last, index, matrices())
        return replace(crystals, cells=cells)

    def _move(
        self,
        crystals: Crystals,
        index: int,
        step: Callable[[Tensor, Tensor, int, Tensor], Tensor],
        estimate: Tensor,
        normals: Tensor,
    ) -> Crystals:
        """Return crystals whose cells made a step, unless they are those of the host so far."""
        if self.first is not None and index < self.first:
            return crystals
        return replace(crystals, cells=step(crystals.cells, estimate, index, normals))


@torch.no_grad()
def inpaint_with_cells(
    requests: Sequence[SampleRequest],
    model: Model,
    settings: SamplingSettings,
    *,
    tick: Tick | None = None,
    make_sampler: SamplerFactory = Sampler.create,
) -> list[SampledPath]:
    """Sample positions of unknown sites, and the cell, of each request; see `inpaint`.

    Raises
    ------
    CheckpointError
        If the model has learned no cells.
    """
    if model.card.cell is None:
        raise CheckpointError(f"model '{model.card.name}' has learned no cells")
    hosts = [replace(one.frame, cell=make_symmetric(one.frame.cell)) for one in requests]
    turned = [replace(one, frame=frame) for one, frame in zip(requests, hosts, strict=True)]
    clean = collate_requests(turned, model)
    streams = NoiseStreams([request.rng for request in requests], clean.frac)
    guidance = Guidance.create(turned, clean)
    base = make_sampler(clean, model.card, settings)
    sampler = FreeCellSampler.create(base, CellNoise(model.card.cell), settings)
    crystals = base.mark_moving(start_sites(turned, clean, base, streams, guidance))
    crystals = sampler.start(crystals, streams.matrices)
    moving = [
        crystals.unknown[row, : len(request.unknown)].cpu().numpy()
        for row, request in enumerate(requests)
    ]
    for done, move in enumerate(base.moves):
        levels = base.predictor.levels[move[0]]

        def estimate(
            noisy: Crystals, reported: Tensor, levels: Tensor = levels
        ) -> tuple[Tensor, Tensor]:
            found, of_cells = model.estimate_with_cells(noisy, reported)
            return guidance.correct(noisy, found, levels, base.axes), of_cells

        crystals = sampler.step(
            crystals, move, estimate, lambda: streams.normal(moving), streams.matrices
        )
        if tick is not None:
            tick((done + 1) / len(base.moves))
    frac, cells = (x.double().cpu().numpy() for x in (crystals.frac, crystals.cells))
    return [
        SampledPath(frac[row, : len(one.unknown)][one.unknown], cell=np.asarray(cells[row]))
        for row, one in enumerate(requests)
    ]
