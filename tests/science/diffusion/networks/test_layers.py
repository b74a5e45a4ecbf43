"""Layers by compiled loops, compared with those of torch."""

from __future__ import annotations

import copy
import platform

import numpy as np
import pytest
import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.networks import dense, layers
from aiida_hpaint.science.diffusion.networks.dense import (
    DenseNetwork,
    DenseNetworkSettings,
    Prepared,
)
from aiida_hpaint.science.diffusion.networks.layers import CompiledCrystals, find_loops

from .test_dense import batch, random_crystal

pytestmark = pytest.mark.numerics


@pytest.fixture(scope="module")
def network() -> DenseNetwork:
    torch.manual_seed(0)
    network = DenseNetwork(DenseNetworkSettings(width=64, layers=3, radial=16, heads=6))
    return randomise(network.double().eval().requires_grad_(False))


@torch.no_grad()
def randomise(network: DenseNetwork) -> DenseNetwork:
    for parameter in network.parameters():
        parameter.copy_(0.2 * torch.randn_like(parameter))
    return network


def evaluate(network: DenseNetwork, crystals: Crystals) -> Tensor:
    return network(crystals, 0.7 * crystals.unknown.double(), network.prepare(crystals))


@pytest.fixture(autouse=True)
def _has_loops(network: DenseNetwork) -> None:
    if find_loops(network) is None:
        pytest.fail("there is no C compiler, or this processor has no wide registers")


def test_loops_give_what_torch_gives(
    network: DenseNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    crystals = batch(*(random_crystal(sites, sites) for sites in (1, 2, 17, 40)))
    assert isinstance(network.prepare(crystals), CompiledCrystals)
    found = evaluate(network, crystals)
    monkeypatch.setattr(dense, "find_loops", lambda network: None)
    assert isinstance(network.prepare(crystals), Prepared)
    expected = evaluate(network, crystals)
    torch.testing.assert_close(found[crystals.unknown], expected[crystals.unknown])
    assert (found[~crystals.unknown] == 0).all()


def test_cells_may_lie_column_by_column_in_memory(network: DenseNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(9, 4)
    turned = batch((numbers, frac, np.asfortranarray(cell), unknown))
    assert not turned.cells[0].is_contiguous()
    assert torch.equal(
        evaluate(network, turned), evaluate(network, batch((numbers, frac, cell, unknown)))
    )


def test_no_bit_of_a_crystal_depends_on_its_batch(network: DenseNetwork) -> None:
    rows = [random_crystal(sites, sites) for sites in (3, 17, 40)]
    features = torch.randn(3, 40, 64, dtype=torch.float64)

    def pass_layers(*chosen: int) -> list[Tensor]:
        crystals = batch(*(rows[index] for index in chosen))
        width = crystals.numbers.shape[1]
        prepared = network.prepare(crystals)
        assert isinstance(prepared, CompiledCrystals)
        given = torch.stack([features[index, :width] for index in chosen])
        scalars, vectors = prepared.pass_layers(crystals, given)
        counts = crystals.unknown.sum(1).tolist()
        return [
            torch.cat(one)
            for one in zip(
                scalars.flatten().split([64 * count for count in counts]),
                vectors.flatten().split([192 * count for count in counts]),
                strict=True,
            )
        ]

    together = pass_layers(2, 0, 1)
    for index, found in zip((2, 0, 1), together, strict=True):
        assert torch.equal(found, pass_layers(index)[0])


def test_threads_share_out_crystals_without_changing_any(
    network: DenseNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    crystals = batch(*(random_crystal(9, seed) for seed in range(5)))
    alone = evaluate(network, crystals)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(evaluate(network, crystals), alone)


def test_samples_of_a_host_share_its_pairs(network: DenseNetwork) -> None:
    first, other = random_crystal(8, 1), random_crystal(8, 2)
    moved = first[1].copy()
    moved[first[3]] += 0.1
    crystals = batch(first, (first[0], moved, *first[2:]), other)
    prepared = network.prepare(crystals)
    assert isinstance(prepared, CompiledCrystals)
    assert len(prepared._hosts) == 2


def test_weights_that_change_are_read_again(network: DenseNetwork) -> None:
    changing = copy.deepcopy(network)
    crystals = batch(random_crystal(7, 3))
    before = evaluate(changing, crystals)
    randomise(changing)
    after = evaluate(changing, crystals)
    assert not torch.allclose(before, after)
    expected = changing(crystals, 0.7 * crystals.unknown.double())
    torch.testing.assert_close(after[crystals.unknown], expected[crystals.unknown])


@pytest.mark.parametrize(
    "size", [{"radial": 15}, {"width": 60, "heads": 3}, {"heads": 5, "radial": 6}]
)
def test_widths_that_fill_no_registers_are_for_torch(size: dict[str, int]) -> None:
    settings = DenseNetworkSettings(**({"width": 64, "radial": 16, "heads": 6} | size))
    assert find_loops(DenseNetwork(settings).double().requires_grad_(False)) is None


def test_machines_without_wide_registers_are_asked_for_no_compiler(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert layers.load_loops.__wrapped__() is None
    assert not recwarn


def test_gradients_and_other_precisions_are_for_torch(network: DenseNetwork) -> None:
    assert find_loops(copy.deepcopy(network).requires_grad_(True)) is None
    assert find_loops(copy.deepcopy(network).float()) is None
    single = batch(random_crystal(4, 5)).to("cpu", torch.float32)
    assert isinstance(copy.deepcopy(network).float().prepare(single), Prepared)


def test_too_little_memory_is_an_error(
    network: DenseNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers.CompiledCrystals, "_pass", lambda self, crystal: 1)
    with pytest.raises(MemoryError, match="too little memory for the layers"):
        evaluate(network, batch(random_crystal(4, 5)))
