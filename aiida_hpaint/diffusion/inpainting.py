"""Drawing samples with a score network: unknown sites from noise, known sites fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aiida_hpaint.diffusion.checkpoints import Model
from aiida_hpaint.diffusion.crystals import Crystals, collate
from aiida_hpaint.diffusion.frame import HostFrame
from aiida_hpaint.diffusion.predictor import AncestralPredictor

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """One sample to draw: a host in its own frame and the random numbers of the sample.

    `frac` (n, 3) is fractional in the frame and NaN where a position is sought.
    """

    frame: HostFrame
    numbers: NDArray[np.int64]
    frac: FloatArray
    unknown: NDArray[np.bool_]
    rng: np.random.Generator


@torch.no_grad()
def inpaint(draws: Sequence[Draw], model: Model, steps: int) -> list[FloatArray]:
    """Positions of the unknown sites of each draw, (m, 3) fractional in its frame.

    Each draw depends on its own random numbers only, never on the draws beside it.
    """
    noise = [_random_numbers(draw, steps) for draw in draws]
    crystals = _start(draws, [first for first, _ in noise]).to(model.device, model.dtype)
    kicks = _padded_kicks(draws, [later for _, later in noise], crystals)
    predictor = AncestralPredictor.create(crystals.cells, steps, model.card.noise)
    prepared = model.network.prepare(crystals)
    for timestep in predictor.timesteps:
        levels = predictor.site_levels(crystals, timestep)
        estimate = model.network(crystals, levels, prepared)
        crystals = predictor.step(crystals, estimate, timestep, kicks[timestep])
    frac = crystals.frac.double().cpu().numpy()
    return [frac[row, : len(draw.unknown)][draw.unknown] for row, draw in enumerate(draws)]


def _random_numbers(draw: Draw, steps: int) -> tuple[FloatArray, FloatArray]:
    """Uniform positions to start from, and standard normal kicks for all later steps."""
    sought = int(draw.unknown.sum())
    return draw.rng.random((sought, 3)), draw.rng.standard_normal((steps, sought, 3))


def _start(draws: Sequence[Draw], positions: list[FloatArray]) -> Crystals:
    frac = [draw.frac.copy() for draw in draws]
    for coords, draw, start in zip(frac, draws, positions, strict=True):
        coords[draw.unknown] = start
    return collate(
        [draw.numbers for draw in draws],
        frac,
        [draw.frame.cell for draw in draws],
        [draw.unknown for draw in draws],
    )


def _padded_kicks(draws: Sequence[Draw], kicks: list[FloatArray], crystals: Crystals) -> Tensor:
    """(steps, B, N, 3) kicks of the unknown sites, zero elsewhere."""
    padded = np.zeros((len(kicks[0]), *crystals.frac.shape))
    for row, (draw, kick) in enumerate(zip(draws, kicks, strict=True)):
        padded[:, row, np.where(draw.unknown)[0]] = kick
    return torch.as_tensor(padded).to(crystals.frac)
