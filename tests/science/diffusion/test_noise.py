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
from aiida_hpaint.science.diffusion.noise import Noise, compute_wrapped_noise, find_largest_level

pytestmark = pytest.mark.numerics

SKEWED = np.array([[3.0, 0, 0], [1.0, 3.5, 0], [0.5, -0.7, 5.0]])


def log_density(frac: np.ndarray, level: float) -> float:
    """Logarithm of the wrapped normal density, summed over many images."""
    span = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    images = (frac - np.round(frac) + span) @ SKEWED
    return float(np.log(np.exp(-0.5 * (images**2).sum(1) / level**2).sum()))


@pytest.mark.parametrize("level", [0.1, 0.8, 1.5])
def test_wrapped_noise_is_the_gradient_of_the_density(level: float) -> None:
    frac = np.array([0.3, -0.45, 1.2])
    step = 1e-4
    gradient = np.zeros(3)
    for axis in range(3):
        kick = np.linalg.solve(SKEWED.T, np.eye(3)[axis] * step)
        rise = log_density(frac + kick, level) - log_density(frac - kick, level)
        gradient[axis] = rise / (2 * step)
    found = compute_wrapped_noise(frac[None], SKEWED, level)[0]
    np.testing.assert_allclose(-found / level, gradient, atol=2e-3)


def test_little_noise_is_not_wrapped() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((50, 3))
    kicks = 0.05 * noise @ np.linalg.inv(SKEWED)
    np.testing.assert_allclose(compute_wrapped_noise(kicks, SKEWED, 0.05), noise, atol=1e-9)


def test_much_noise_leaves_nothing_to_estimate() -> None:
    kicks = np.random.default_rng(1).random((50, 3))
    assert np.abs(compute_wrapped_noise(kicks, SKEWED, 4.0)).max() < 0.02


def test_images_do_not_matter() -> None:
    kicks = np.random.default_rng(2).random((20, 3))
    shifted = kicks + np.random.default_rng(3).integers(-3, 4, kicks.shape)
    np.testing.assert_allclose(
        compute_wrapped_noise(shifted, SKEWED, 0.6),
        compute_wrapped_noise(kicks, SKEWED, 0.6),
        atol=1e-9,
    )


def crystals() -> Crystals:
    rng = np.random.default_rng(5)
    return collate(
        [np.array([8, 1, 12]), np.array([1, 3, 3, 8, 8])],
        [rng.random((3, 3)), rng.random((5, 3))],
        [SKEWED, 4 * SKEWED],
        [np.array([False, True, False]), np.array([True, True, False, True, True])],
    )


def test_cartesian_levels_grow_geometrically_to_the_size_of_the_cell() -> None:
    settings = CartesianNoiseSettings()
    levels = Noise(settings).levels(crystals(), torch.linspace(1, 0, 10, dtype=torch.float64))
    torch.testing.assert_close(levels[0], find_largest_level(crystals().cells, settings))
    assert levels[0, 1] == settings.largest
    torch.testing.assert_close(levels[9], torch.full_like(levels[9], settings.smallest))
    ratios = levels[1:] / levels[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios))


def test_fractional_levels_fall_with_the_number_of_sites() -> None:
    levels = Noise(FractionalNoiseSettings()).levels(crystals(), torch.tensor([1.0, 0.5, 0.0]))
    sites = torch.tensor([3.0, 5.0], dtype=torch.float64)
    expected = torch.tensor([5.0, 0.05**0.5, 0.01], dtype=torch.float64)
    torch.testing.assert_close(levels, expected[:, None] / sites ** (1 / 3))


@pytest.mark.parametrize("settings", [CartesianNoiseSettings(), FractionalNoiseSettings()])
def test_times_are_the_inverse_of_levels(settings: NoiseSettings) -> None:
    noise, start = Noise(settings), crystals()
    times = torch.rand(7, dtype=torch.float64)
    for time, levels in zip(times, noise.levels(start, times), strict=True):
        found = noise.times(levels[:, None].expand(start.numbers.shape), start)
        torch.testing.assert_close(found, torch.full_like(found, float(time)))
    clean = noise.times(torch.zeros(start.numbers.shape, dtype=torch.float64), start)
    assert (clean == 0).all()


def test_axes_of_the_noise() -> None:
    cells = crystals().cells
    assert torch.equal(Noise(CartesianNoiseSettings()).axes(cells), cells)
    identity = torch.eye(3, dtype=cells.dtype).expand_as(cells)
    assert torch.equal(Noise(FractionalNoiseSettings()).axes(cells), identity)
