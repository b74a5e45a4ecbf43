from __future__ import annotations

import numpy as np
import pytest
from potentials import fractions

from aiida_hpaint.science.electrostatics.interpolation import FourierSeries

pytestmark = pytest.mark.numerics

SHAPES = [(4, 5, 6), (5, 4, 7), (1, 8, 2), (6, 6, 6)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_series_goes_through_the_points(shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(1).normal(size=shape)
    found = FourierSeries.through(values).expand(fractions(shape).reshape(-1, 3))
    np.testing.assert_allclose(found.values, values.ravel(), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_are_those_of_differences(shape: tuple[int, int, int]) -> None:
    series = FourierSeries.through(np.random.default_rng(2).normal(size=shape))
    points, step = np.random.default_rng(3).random((4, 3)), 1e-5
    found = series.expand(points)
    for axis, shift in enumerate(step * np.eye(3)):
        above, below = series.expand(points + shift), series.expand(points - shift)
        slope = (above.values - below.values) / (2 * step)
        np.testing.assert_allclose(found.gradients[:, axis], slope, rtol=1e-6, atol=1e-6)
        bend = (above.gradients - below.gradients) / (2 * step)
        np.testing.assert_allclose(found.hessians[:, axis], bend, rtol=1e-6, atol=1e-5)


def test_waves_that_the_grid_holds_are_exact() -> None:
    def wave(points: np.ndarray) -> np.ndarray:
        x, y, z = np.moveaxis(2 * np.pi * points, -1, 0)
        return np.asarray(np.cos(2 * x - y + 3 * z + 0.3) + 0.5 * np.sin(x + 2 * y))

    points = np.random.default_rng(4).random((10, 3))
    found = FourierSeries.through(wave(fractions((7, 8, 9)))).expand(points)
    np.testing.assert_allclose(found.values, wave(points), atol=1e-12)


def test_no_points_give_nothing() -> None:
    found = FourierSeries.through(np.ones((2, 3, 4))).expand(np.empty((0, 3)))
    assert [part.shape for part in found] == [(0,), (0, 3), (0, 3, 3)]
