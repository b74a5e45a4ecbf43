from __future__ import annotations

import pytest
import torch
from rounding import bound
from torch import Tensor
from torch.nn import functional

from aiida_hpaint.science.diffusion.networks.gemnet import layers
from aiida_hpaint.science.diffusion.networks.gemnet.layers import PairDense, he_orthogonal_, product

pytestmark = pytest.mark.numerics


@pytest.fixture(params=[True, False], ids=["oneDNN", "MKL"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever library this processor would choose, the other is tested too."""
    monkeypatch.setattr(layers, "_PREFERS_ONEDNN", request.param)


def assert_product(found: Tensor, left: Tensor, right: Tensor) -> None:
    """The product of two matrices in single precision, as far as rounding lets it be."""
    left, right = left.detach().double(), right.detach().double()
    apart = (found.double() - left @ right).abs()
    assert (apart <= bound(torch.float32, left.shape[1]) * (left.abs() @ right.abs())).all()


@pytest.mark.usefixtures("library")
def test_large_products_are_those_of_a_linear_layer() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 160, generator=generator).requires_grad_()
    weight = torch.randn(130, 160, generator=generator).requires_grad_()
    found = product(inputs, weight)
    assert_product(found, inputs, weight.t())
    upstream = torch.randn(200, 130, generator=generator)
    of_inputs, of_weight = torch.autograd.grad(found, (inputs, weight), upstream)
    assert_product(of_inputs, upstream, weight)
    assert_product(of_weight, upstream.t(), inputs)


@pytest.mark.usefixtures("library")
def test_products_take_slices_and_nothing() -> None:
    inputs, weight = torch.randn(90, 300)[:, 100:], torch.randn(128, 400)[:, :200]
    assert_product(product(inputs, weight), inputs, weight.t())
    assert product(torch.zeros(0, 200), weight).shape == (0, 128)


def test_ends_of_edges_enter_as_if_they_were_concatenated() -> None:
    layer = PairDense(4, 6, 5).double()
    atoms, edges = torch.rand(3, 4).double(), torch.rand(7, 6).double()
    source, target = torch.randint(3, (2, 7))
    joined = torch.cat([atoms[source], atoms[target], edges], 1)
    linear = joined @ layer.dense.linear.weight.t()
    expected = functional.silu(linear) / 0.6
    torch.testing.assert_close(layer(atoms, edges, source, target), expected)


def test_initial_weights_are_normalised_and_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    weight = he_orthogonal_(torch.empty(40, 64))
    torch.testing.assert_close(weight.mean(1), torch.zeros(40), atol=1e-7, rtol=0)
    torch.testing.assert_close(weight.var(1), torch.full((40,), 1 / 64), rtol=1e-3, atol=0)
    products = weight @ weight.t() - torch.diag(weight.square().sum(1))
    assert products.abs().max() < 0.15
    three = he_orthogonal_(torch.empty(7, 16, 9))
    torch.testing.assert_close(three.var((0, 1)), torch.full((9,), 1 / 112), rtol=2e-2, atol=0)
