from __future__ import annotations

import numpy as np
import pytest
import torch

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    FractionalNoiseSettings,
    NoiseSettings,
)
from aiida_hpaint.science.diffusion.noise import Noise
from aiida_hpaint.science.diffusion.sampling.predictor import AncestralPredictor

pytestmark = pytest.mark.numerics

CELL = np.array([[3.0, 0, 0], [1.0, 3.5, 0], [0.5, -0.7, 5.0]])
NOISES = [CartesianNoiseSettings(), FractionalNoiseSettings()]


def crystals(seed: int = 0) -> Crystals:
    frac = np.random.default_rng(seed).random((4, 3))
    unknown = np.array([False, True, False, True])
    return collate([np.array([8, 1, 12, 1])], [frac], [CELL], [unknown])


def predictor(start: Crystals, steps: int, settings: NoiseSettings) -> AncestralPredictor:
    times = torch.linspace(1, 0, steps, dtype=torch.float64)
    return AncestralPredictor.create(start, times, Noise(settings))


def assert_same_sites(left: torch.Tensor, right: torch.Tensor) -> None:
    difference = left - right
    torch.testing.assert_close(difference, difference.round(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("settings", NOISES)
def test_a_step_is_song_equation_47(settings: NoiseSettings) -> None:
    start = crystals()
    steps = predictor(start, 10, settings)
    noise, kicks = torch.randn(2, *start.frac.shape, dtype=torch.float64)
    after, mean = steps.step(start, noise, 3, kicks)
    high, low = steps.levels[3, 0], steps.levels[4, 0]
    score = -noise / high
    spread = torch.sqrt(low**2 * (high**2 - low**2) / high**2)
    to_frac = torch.linalg.inv(steps.axes[0])
    drift, kick = (high**2 - low**2) * score @ to_frac, spread * kicks @ to_frac
    unknown = start.unknown
    assert_same_sites(after.frac[unknown], (start.frac + drift + kick)[unknown])
    assert_same_sites(mean.frac[unknown], (start.frac + drift)[unknown])
    assert torch.equal(after.frac[~unknown], start.frac[~unknown])


@pytest.mark.parametrize("settings", NOISES)
def test_an_exact_score_leads_to_the_clean_positions(settings: NoiseSettings) -> None:
    clean = crystals(1)
    state = crystals(2).with_frac(torch.where(clean.unknown[..., None], 0.5, clean.frac))
    steps = predictor(clean, 30, settings)
    for timestep in steps.timesteps:
        shift = state.frac - clean.frac
        noise = (shift - shift.round()) @ steps.axes[0] / steps.levels[timestep, 0]
        state, _ = steps.step(state, noise, timestep, torch.randn_like(noise))
    assert_same_sites(state.frac, clean.frac)


def test_renoising_restores_the_variance_of_the_higher_level() -> None:
    start = crystals()
    steps = predictor(start, 40, CartesianNoiseSettings())
    generator = torch.Generator().manual_seed(0)
    shifts = []
    for _ in range(2000):
        kicks = torch.randn(2, *start.frac.shape, dtype=torch.float64, generator=generator)
        state = steps.renoise(start, 40, 30, kicks[0])
        state = steps.renoise(state, 30, 25, kicks[1])
        shift = (state.frac - start.frac)[start.unknown]
        shifts.append((shift - shift.round()) @ start.cells[0])
    assert float(torch.cat(shifts).std()) == pytest.approx(float(steps.levels[25, 0]), rel=0.02)
