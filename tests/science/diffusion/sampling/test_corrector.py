from __future__ import annotations

import numpy as np
import pytest
import torch

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.sampling.corrector import LangevinCorrector

pytestmark = pytest.mark.numerics

CELL = np.array([[3.0, 0, 0], [1.0, 3.5, 0], [0.5, -0.7, 5.0]])


def crystals(sizes: list[int]) -> Crystals:
    rng = np.random.default_rng(0)
    unknown = [np.arange(size) > 0 for size in sizes]
    frac = [rng.random((size, 3)) for size in sizes]
    return collate([np.arange(1, n + 1) for n in sizes], frac, [CELL] * len(sizes), unknown)


def step(state: Crystals, noise: torch.Tensor, kicks: torch.Tensor, **options: float) -> Crystals:
    levels = torch.full((len(state.numbers),), 0.3, dtype=torch.float64)
    corrector = LangevinCorrector(options.pop("snr", 0.2), **options)
    return corrector.step(state, noise, levels, kicks, state.cells)


def test_a_step_is_langevin_dynamics() -> None:
    state = crystals([4])
    noise, kicks = torch.randn(2, 1, 4, 3, dtype=torch.float64)
    after = step(state, noise, kicks)
    score, unknown = -noise / 0.3, state.unknown
    size = 2 * (0.2 * kicks[unknown].norm() / score[unknown].norm()) ** 2
    moves = size * score + torch.sqrt(2 * size) * kicks
    moved = state.frac + moves @ torch.linalg.inv(state.cells[0])
    difference = (after.frac - moved)[unknown]
    torch.testing.assert_close(difference, difference.round(), atol=1e-12, rtol=0)
    assert torch.equal(after.frac[~unknown], state.frac[~unknown])


def test_who_shares_the_batch_changes_nothing() -> None:
    both = crystals([4, 3])
    noise, kicks = torch.randn(2, 2, 4, 3, dtype=torch.float64)
    noise[1] *= 50
    together = step(both, noise, kicks)
    alone = Crystals(
        both.numbers[:1], both.unknown[:1], both.frac[:1], both.cells[:1], both.carried[:1]
    )
    assert torch.equal(step(alone, noise[:1], kicks[:1]).frac, together.frac[:1])


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_vanishing_estimate_does_not_throw_sites_away(noise: float) -> None:
    state = crystals([2])
    kicks = torch.ones(1, 2, 3, dtype=torch.float64)
    after = step(state, torch.full_like(kicks, noise), kicks, largest_step=0.01)
    shift = (after.frac - state.frac)[state.unknown]
    moved = ((shift - shift.round()) @ state.cells[0]).norm()
    assert float(moved) == pytest.approx(np.sqrt(2 * 0.01 * 0.3**2 * 3), rel=1e-6)


def test_equilibrium_of_a_normal_distribution_is_kept_but_for_the_adapted_step() -> None:
    generator = torch.Generator().manual_seed(1)
    shape, level = (4000, 5, 3), 0.3
    cells = (50 * torch.eye(3, dtype=torch.float64)).expand(shape[0], 3, 3)
    numbers = torch.ones(shape[:2], dtype=torch.long)
    place = level * torch.randn(shape, dtype=torch.float64, generator=generator)
    nothing = torch.zeros_like(numbers)
    state = Crystals(numbers, numbers > 0, place / 50 + 0.5, cells, nothing)
    levels = torch.full((shape[0],), level, dtype=torch.float64)
    for _ in range(30):
        noise = (state.frac - 0.5) * 50 / level
        kicks = torch.randn(shape, dtype=torch.float64, generator=generator)
        state = LangevinCorrector(0.1).step(state, noise, levels, kicks, cells)
    assert float(((state.frac - 0.5) * 50).std()) == pytest.approx(level, rel=0.12)
