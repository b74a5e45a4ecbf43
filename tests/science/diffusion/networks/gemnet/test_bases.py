from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre

from aiida_hpaint.science.diffusion.networks.gemnet.bases import (
    CircularProjection,
    Gaussians,
    RadialBasis,
    TimeEncoding,
    compute_harmonics,
    envelope,
    space_evenly,
)

pytestmark = pytest.mark.numerics


def test_angular_functions_are_spherical_harmonics_of_order_zero() -> None:
    cosines = torch.linspace(-1, 1, 101, dtype=torch.float64)[None]
    found = compute_harmonics(cosines, 7, torch.ones(101, dtype=torch.float64))[0]
    for degree, row in enumerate(found.numpy()):
        norm = np.sqrt((2 * degree + 1) / (4 * np.pi))
        np.testing.assert_allclose(
            row, norm * eval_legendre(degree, cosines[0].numpy()), atol=1e-13
        )


def test_masked_angles_are_zero_in_all_degrees() -> None:
    found = compute_harmonics(torch.rand(2, 3, 3), 7, 1 - torch.eye(3))
    assert found.shape == (2, 7, 3, 3)
    assert (torch.diagonal(found, dim1=2, dim2=3) == 0).all()
    assert compute_harmonics(torch.rand(2, 3, 3), 1, torch.ones(3, 3)).shape == (2, 1, 3, 3)


def test_the_envelope_ends_smoothly() -> None:
    at_end = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    inside = at_end - 1e-9
    value = envelope(inside)
    (slope,) = torch.autograd.grad(value, at_end, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, at_end)
    assert max(abs(value), abs(slope)) < 1e-12
    assert abs(curvature) < 1e-6
    assert envelope(torch.tensor([0.0, 1.0, 1.3])).tolist() == [1, 0, 0]


def test_the_radial_basis_has_a_gaussian_at_each_knot() -> None:
    basis = RadialBasis(128, 7.0).double()
    knots = torch.linspace(0, 7, 128, dtype=torch.float64)
    found = basis(knots)
    windows = envelope(knots / 7)
    expected = torch.exp(-0.5 * (torch.arange(128)[:, None] - torch.arange(128)) ** 2.0)
    torch.testing.assert_close(found, windows[:, None] * expected.double(), atol=1e-5, rtol=0)


def test_times_alternate_sine_and_cosine() -> None:
    found = TimeEncoding(6).double()(torch.tensor([0.0, 0.7], dtype=torch.float64))
    rates = 10000 ** (-np.array([0, 2, 4]) / 6)
    np.testing.assert_allclose(found[0], [0, 1, 0, 1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found[1, ::2], np.sin(0.7 * rates), atol=1e-7)
    np.testing.assert_allclose(found[1, 1::2], np.cos(0.7 * rates), atol=1e-7)


def test_tables_are_rounded_once_and_so_the_same_on_every_processor() -> None:
    exponents = torch.arange(0, 512, 2, dtype=torch.float32) * (-math.log(10000.0) / 512)
    rates = [math.exp(exponent) for exponent in exponents.tolist()]
    assert torch.equal(TimeEncoding(512).div_term, torch.tensor(rates, dtype=torch.float32))
    step = float(np.float32(1) / np.float32(127))
    rising = [step * count for count in range(64)]
    knots = [*rising, *(1 - knot for knot in reversed(rising))]
    assert torch.equal(space_evenly(128), torch.tensor(knots, dtype=torch.float32))


def test_tables_of_functions_stay_in_single_precision() -> None:
    assert Gaussians(8).to(torch.bfloat16).offset.dtype == torch.float32
    assert Gaussians(8).double().offset.dtype == torch.float64
    assert TimeEncoding(8).half().div_term.dtype == torch.float32


def test_the_circular_projection_is_one_product_for_each_degree() -> None:
    projection = CircularProjection(3, 8, 4)
    radial = torch.rand(5, 8)
    expected = torch.einsum("er,src->ecs", radial, projection.weight)
    torch.testing.assert_close(projection(radial), expected)
