from __future__ import annotations

import numpy as np
import pytest
import torch

from aiida_hpaint.diffusion.cards import NoiseSettings
from aiida_hpaint.diffusion.noise import (
    largest_level,
    noise_levels,
    wrapped_noise,
)

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
    found = wrapped_noise(frac[None], SKEWED, level)[0]
    np.testing.assert_allclose(-found / level, gradient, atol=2e-3)


def test_little_noise_is_not_wrapped() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((50, 3))
    kicks = 0.05 * noise @ np.linalg.inv(SKEWED)
    np.testing.assert_allclose(wrapped_noise(kicks, SKEWED, 0.05), noise, atol=1e-9)


def test_much_noise_leaves_nothing_to_estimate() -> None:
    kicks = np.random.default_rng(1).random((50, 3))
    assert np.abs(wrapped_noise(kicks, SKEWED, 4.0)).max() < 0.02


def test_images_do_not_matter() -> None:
    kicks = np.random.default_rng(2).random((20, 3))
    shifted = kicks + np.random.default_rng(3).integers(-3, 4, kicks.shape)
    np.testing.assert_allclose(
        wrapped_noise(shifted, SKEWED, 0.6), wrapped_noise(kicks, SKEWED, 0.6), atol=1e-9
    )


def test_levels_fall_geometrically_to_zero() -> None:
    cells = torch.as_tensor(np.stack([SKEWED, 4 * SKEWED]))
    settings = NoiseSettings()
    levels = noise_levels(cells, 10, settings)
    assert levels.shape == (11, 2)
    torch.testing.assert_close(levels[0], largest_level(cells, settings))
    torch.testing.assert_close(levels[9], torch.full((2,), settings.smallest, dtype=cells.dtype))
    assert levels[10].abs().max() == 0
    ratios = levels[1:10] / levels[:9]
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios))
    assert levels[0, 1] == settings.largest
