from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings

pytestmark = pytest.mark.numerics


@pytest.fixture(scope="module")
def network() -> DenseNetwork:
    torch.manual_seed(0)
    network = DenseNetwork(DenseNetworkSettings(width=32, layers=3, radial=8, heads=4))
    for parameter in network.parameters():
        if parameter.abs().max() == 0:
            nn.init.normal_(parameter, std=0.2)
    return network.double().eval()


def random_crystal(sites: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    cell = np.diag([4.0, 5.0, 6.0]) + rng.normal(0, 0.4, (3, 3))
    unknown = np.arange(sites) >= sites // 2
    return rng.integers(1, 90, sites), rng.random((sites, 3)), cell, unknown


def batch(*rows: tuple[np.ndarray, ...]) -> Crystals:
    return collate(*(list(column) for column in zip(*rows, strict=True)))


def estimate(network: DenseNetwork, crystals: Crystals, level: float = 0.7) -> Tensor:
    levels = level * crystals.unknown.double()
    return network(crystals, levels, network.prepare(crystals)).detach()


def test_turning_or_reflecting_the_crystal_turns_the_estimate(network: DenseNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(6, 1)
    before = estimate(network, batch((numbers, frac, cell, unknown)))
    for turn in (Rotation.random(random_state=2).as_matrix(), -np.eye(3)):
        after = estimate(network, batch((numbers, frac, cell @ turn, unknown)))
        torch.testing.assert_close(after, before @ torch.as_tensor(turn))


def test_order_origin_and_periodic_images_do_not_matter(network: DenseNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(6, 3)
    before = estimate(network, batch((numbers, frac, cell, unknown)))
    rng = np.random.default_rng(0)
    order = rng.permutation(6)
    moved = frac + rng.random(3) + rng.integers(-2, 3, frac.shape)
    after = estimate(network, batch((numbers[order], moved[order], cell, unknown[order])))
    torch.testing.assert_close(after, before[:, order])


def test_a_supercell_gives_the_same_estimate(network: DenseNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(3, 4)
    before = estimate(network, batch((numbers, frac, cell, unknown)))
    halves = [(frac + np.array([shift, 0, 0])) / [2, 1, 1] for shift in (0, 1)]
    doubled = (
        np.tile(numbers, 2),
        np.concatenate(halves),
        np.diag([2, 1, 1]) @ cell,
        np.tile(unknown, 2),
    )
    torch.testing.assert_close(estimate(network, batch(doubled)), before.tile(1, 2, 1))


def test_structures_of_a_batch_do_not_see_each_other(network: DenseNetwork) -> None:
    rows = [random_crystal(sites, sites) for sites in (2, 5, 9)]
    together = estimate(network, batch(*rows))
    for index, row in enumerate(rows):
        alone = estimate(network, batch(row))[0]
        torch.testing.assert_close(together[index, : len(alone)], alone)


def test_prepared_geometry_follows_moving_sites(network: DenseNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(7, 5)
    prepared = network.prepare(batch((numbers, frac, cell, unknown)))
    frac = frac + 0.2 * np.random.default_rng(1).random(frac.shape) * unknown[:, None]
    crystals = batch((numbers, frac, cell, unknown))
    levels = 0.3 * crystals.unknown.double()
    reused = network(crystals, levels, prepared).detach()
    torch.testing.assert_close(reused, network(crystals, levels).detach())


def test_the_noise_level_matters_to_unknown_sites(network: DenseNetwork) -> None:
    crystals = batch(random_crystal(4, 6))
    low, high = (estimate(network, crystals, level) for level in (0.1, 3.0))
    assert (low - high).abs().max() > 1e-3


def test_a_budget_is_seen_once_its_weights_are_learned() -> None:
    rows = [random_crystal(6, 8)] * 3
    told = [np.zeros(6, int), np.array([3, 1, 1, 0, 0, 0]), np.array([1, 3, 1, 0, 0, 0])]
    columns = [list(column) for column in zip(*rows, strict=True)]
    crystals = collate(*columns, carried=told)
    torch.manual_seed(0)
    aware = DenseNetwork(DenseNetworkSettings(width=32, layers=3, radial=8, heads=4, budget=4))
    aware.double().eval()
    nn.init.normal_(aware.readout.weight)
    silent, *others = estimate(aware, crystals)
    # Rows of a batch may be multiplied by unlike kernels, whose sums differ by rounding.
    assert all(torch.allclose(silent, other, rtol=1e-9, atol=1e-12) for other in others)
    nn.init.normal_(aware.budgets.weight[1:])
    again, one, other = estimate(aware, crystals)
    assert torch.allclose(again, silent, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(one, silent, rtol=1e-3)
    assert not torch.allclose(one, other, rtol=1e-3)
