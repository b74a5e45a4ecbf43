from __future__ import annotations

import numpy as np
import torch

from aiida_hpaint.diffusion.cards import NoiseSettings
from aiida_hpaint.diffusion.crystals import Crystals, collate
from aiida_hpaint.diffusion.predictor import AncestralPredictor

CELL = np.array([[3.0, 0, 0], [1.0, 3.5, 0], [0.5, -0.7, 5.0]])


def crystals(seed: int = 0) -> Crystals:
    frac = np.random.default_rng(seed).random((4, 3))
    unknown = np.array([False, True, False, True])
    return collate([np.array([8, 1, 12, 1])], [frac], [CELL], [unknown])


def test_a_step_is_song_equation_47() -> None:
    start = crystals()
    predictor = AncestralPredictor.create(start.cells, 10, NoiseSettings())
    noise, kicks = torch.randn(2, *start.frac.shape, dtype=torch.float64)
    after = predictor.step(start, noise, 3, kicks)
    high, low = predictor.levels[3, 0], predictor.levels[4, 0]
    score = -noise / high
    spread = torch.sqrt(low**2 * (high**2 - low**2) / high**2)
    moves = (high**2 - low**2) * score + spread * kicks
    moved = start.frac + moves @ torch.linalg.inv(start.cells[0])
    difference = (after.frac - moved)[start.unknown]
    torch.testing.assert_close(difference, difference.round(), atol=1e-12, rtol=0)
    assert torch.equal(after.frac[~start.unknown], start.frac[~start.unknown])


def test_an_exact_score_leads_to_the_clean_positions() -> None:
    clean = crystals(1)
    state = crystals(2).with_frac(torch.where(clean.unknown[..., None], 0.5, clean.frac))
    predictor = AncestralPredictor.create(clean.cells, 30, NoiseSettings())
    for timestep in predictor.timesteps:
        shift = state.frac - clean.frac
        noise = (shift - shift.round()) @ clean.cells[0] / predictor.levels[timestep, 0]
        kicks = torch.randn_like(noise)
        state = predictor.step(state, noise, timestep, kicks)
    shift = state.frac - clean.frac
    assert (shift - shift.round()).abs().max() < 1e-9


def test_known_sites_have_no_noise() -> None:
    start = crystals()
    predictor = AncestralPredictor.create(start.cells, 5, NoiseSettings())
    levels = predictor.site_levels(start, 2)
    assert (levels[~start.unknown] == 0).all()
    assert (levels[start.unknown] > 0).all()
