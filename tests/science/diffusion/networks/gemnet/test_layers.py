from __future__ import annotations

import torch
from torch.nn import functional

from aiida_hpaint.science.diffusion.networks.gemnet.layers import PairDense, he_orthogonal_, product


def test_large_products_are_those_of_a_linear_layer() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 160, generator=generator).requires_grad_()
    weight = torch.randn(130, 160, generator=generator).requires_grad_()
    expected = functional.linear(inputs, weight)
    torch.testing.assert_close(product(inputs, weight), expected, atol=1e-4, rtol=1e-4)
    upstream = torch.randn(200, 130, generator=generator)
    found = torch.autograd.grad(product(inputs, weight), (inputs, weight), upstream)
    wanted = torch.autograd.grad(expected, (inputs, weight), upstream)
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4)


def test_products_take_slices_and_nothing() -> None:
    inputs, weight = torch.randn(90, 300)[:, 100:], torch.randn(128, 400)[:, :200]
    expected = inputs.double() @ weight.double().t()
    torch.testing.assert_close(product(inputs, weight).double(), expected, atol=1e-4, rtol=1e-4)
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
