from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from rounding import error, with_rounded_weights
from scipy.spatial.transform import Rotation
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    FractionalNoiseSettings,
    ModelCard,
)
from aiida_hpaint.science.diffusion.models.checkpoints import load_model, save_model
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetwork
from aiida_hpaint.science.diffusion.networks.gemnet.bases import Precise

from .samples import SMALL, Row, batch, make_network, random_crystal, rock_salt

pytestmark = pytest.mark.numerics

LONELY: Row = (np.array([2]), np.zeros((1, 3)), 20 * np.eye(3), np.array([True]))
SINGLE: Row = (np.array([29]), np.full((1, 3), 0.3), 2.6 * np.eye(3), np.array([True]))


@pytest.fixture(scope="module")
def network() -> GemNetwork:
    return make_network()


def levels_of(crystals: Crystals, level: float = 0.2) -> Tensor:
    return level * crystals.unknown.to(crystals.frac)


def estimate(network: GemNetwork, crystals: Crystals, level: float = 0.2) -> Tensor:
    levels = levels_of(crystals, level)
    return network(crystals, levels, network.prepare(crystals)).detach()


def test_fractional_estimates_do_not_change_when_the_crystal_is_turned(network: GemNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(6, 1)
    before = estimate(network, batch((numbers, frac, cell, unknown)))
    for turn in (Rotation.random(random_state=2).as_matrix(), -np.eye(3)):
        after = estimate(network, batch((numbers, frac, cell @ turn, unknown)))
        torch.testing.assert_close(after, before)


def test_cartesian_estimates_turn_with_the_crystal(network: GemNetwork) -> None:
    cartesian = GemNetwork(SMALL, CartesianNoiseSettings()).double()
    cartesian.load_state_dict(network.state_dict())
    numbers, frac, cell, unknown = random_crystal(6, 1)
    turn = Rotation.random(random_state=2).as_matrix()
    before = estimate(cartesian, batch((numbers, frac, cell, unknown)))
    after = estimate(cartesian, batch((numbers, frac, cell @ turn, unknown)))
    torch.testing.assert_close(after, before @ torch.as_tensor(turn))


def test_both_axes_of_noise_describe_the_same_forces(network: GemNetwork) -> None:
    cartesian = GemNetwork(SMALL, CartesianNoiseSettings(smallest=0.1, largest=0.1001)).double()
    fractional = GemNetwork(SMALL, FractionalNoiseSettings(smallest=0.1, largest=0.1001)).double()
    for other in (cartesian, fractional):
        other.load_state_dict(network.state_dict())
    crystals = batch(random_crystal(5, 9))
    along_axes = estimate(cartesian, crystals, level=0.01)
    along_cell = estimate(fractional, crystals, level=0.01)
    torch.testing.assert_close(along_cell @ crystals.cells, along_axes)


def test_origin_and_periodic_images_do_not_matter(network: GemNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(6, 3)
    before = estimate(network, batch((numbers, frac, cell, unknown)))
    rng = np.random.default_rng(0)
    moved = frac + rng.random(3) + rng.integers(-2, 3, frac.shape)
    after = estimate(network, batch((numbers, moved, cell, unknown)))
    torch.testing.assert_close(after, before)


@pytest.mark.parametrize("row", [random_crystal(7, 4, volume=8), rock_salt()])
def test_whole_shells_make_the_order_of_sites_irrelevant(row: Row) -> None:
    network = make_network(ties="shell")
    numbers, frac, cell, unknown = row
    order = np.random.default_rng(0).permutation(len(numbers))
    before = estimate(network, batch(row))
    after = estimate(network, batch((numbers[order], frac[order], cell, unknown[order])))
    torch.testing.assert_close(after, before[:, order])


def test_structures_of_a_batch_do_not_see_each_other(network: GemNetwork) -> None:
    rows = [random_crystal(2, 2), LONELY, rock_salt(), SINGLE, random_crystal(9, 9)]
    together = estimate(network, batch(*rows))
    for index, row in enumerate(rows):
        alone, count = estimate(network, batch(row))[0], len(row[0])
        torch.testing.assert_close(together[index, :count], alone)
        assert (together[index, count:] == 0).all()


def test_prepared_pairs_follow_moving_sites(network: GemNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(7, 5)
    prepared = network.prepare(batch((numbers, frac, cell, unknown)))
    frac = frac + np.random.default_rng(1).random(frac.shape) * unknown[:, None]
    crystals = batch((numbers, frac, cell, unknown))
    levels = levels_of(crystals)
    assert (network(crystals, levels, prepared) == network(crystals, levels)).all()


def test_unknown_sites_get_what_they_would_get_if_all_were_unknown(network: GemNetwork) -> None:
    crystals = batch(random_crystal(6, 6), random_crystal(4, 7))
    everything = replace(crystals, unknown=crystals.present)
    levels = levels_of(crystals)
    found, full = network(crystals, levels), network(everything, levels)
    torch.testing.assert_close(found, full * crystals.unknown[..., None])
    assert (full[0, :3].abs() > 1e-6).any()


def test_every_site_has_its_own_time(network: GemNetwork) -> None:
    crystals = batch(random_crystal(4, 8))
    clean = estimate(network, crystals)
    levels = levels_of(crystals)
    levels[0, 0] = 0.3
    assert (network(crystals, levels) - clean).abs().max() > 1e-6
    shown = GemNetwork(SMALL.model_copy(update={"known_time": 0.5}), network.noise.settings)
    shown.double().load_state_dict(network.state_dict())
    level = 0.01 * 500**0.5 * 4 ** (-1 / 3)
    torch.testing.assert_close(
        estimate(shown, crystals, level), network(crystals, torch.full((1, 4), level).double())
    )


def test_cells_of_one_site_can_be_evaluated(network: GemNetwork) -> None:
    assert (estimate(network, batch(LONELY)) == 0).all()
    # the angles with the lattice vectors tell an edge from its opposite, so that forces may remain
    assert estimate(network, batch(SINGLE)).isfinite().all()


def test_all_parameters_and_positions_have_gradients() -> None:
    network = make_network().train()
    crystals = batch(random_crystal(4, 10), random_crystal(3, 11))
    frac = crystals.frac.clone().requires_grad_()
    network(crystals.with_frac(frac), levels_of(crystals)).square().sum().backward()
    assert frac.grad is not None
    assert frac.grad.abs().max() > 0
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad == (not name.endswith("scale_factor")), name
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_gradients_are_those_of_finite_differences() -> None:
    network = make_network(neighbours=8, blocks=1)
    crystals = batch(random_crystal(3, 12))
    levels = levels_of(crystals)
    weights = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()

    def total(frac: Tensor) -> Tensor:
        return (network(crystals.with_frac(frac), levels)[0] * weights).sum()

    assert torch.autograd.gradcheck(total, crystals.frac.clone().requires_grad_(), atol=1e-6)


ROUNDINGS = 5
"""In a layer: of its weights, inputs, product, SiLU and sum; the yardstick has that of weights."""


def half_precision_errors(tables: torch.dtype) -> tuple[list[float], float]:
    """Errors of networks that multiply in half precision, and what such weights alone cause."""
    # Any sum of neighbours that all are seen is smooth, also where two of them are equally far.
    network = make_network(radial=128, neighbours=400)
    exact = batch(*(random_crystal(6, seed) for seed in range(13, 21)))
    crystals = exact.to("cpu", torch.float32)
    expected = estimate(network, exact)
    rounded = with_rounded_weights(network, torch.bfloat16)
    yardstick = error(estimate(rounded, exact), expected)
    half = network.to(torch.bfloat16)
    for module in half.modules():
        if isinstance(module, Precise):
            for name, table in module.named_buffers(recurse=False):
                setattr(module, name, table.to(tables))
    found = [estimate(half, crystals)]
    with torch.autocast("cpu", torch.bfloat16):
        found.append(estimate(half.float(), crystals))
    assert all(forces.dtype == torch.float32 for forces in found)
    return [error(forces, expected) for forces in found], yardstick


def test_half_precision_products_come_close() -> None:
    errors, yardstick = half_precision_errors(tables=torch.float32)
    assert max(errors) < 2 * math.sqrt(ROUNDINGS) * yardstick


def test_geometry_in_half_precision_would_not_come_close() -> None:
    errors, yardstick = half_precision_errors(tables=torch.bfloat16)
    assert min(errors) > 2 * math.sqrt(ROUNDINGS) * yardstick


def test_a_model_is_the_same_after_it_was_saved(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = SMALL.model_copy(update={"energy": True, "lattice": True, "types": 100})
    network = GemNetwork(settings, FractionalNoiseSettings())
    card = ModelCard(
        name="tiny",
        architecture="gemnet",
        network=settings.model_dump(),
        noise=FractionalNoiseSettings(),
    )
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(network, card, path)
    model = load_model(str(path), "cpu", "float32")
    crystals = batch(random_crystal(4, 15)).to("cpu", torch.float32)
    found = model.network(crystals, levels_of(crystals), None)
    torch.testing.assert_close(found, estimate(network, crystals))


def test_the_published_size_has_the_published_parameters() -> None:
    with torch.device("meta"):
        network = GemNetwork(None, FractionalNoiseSettings())
    assert sum(parameter.numel() for parameter in network.parameters()) == 44_562_043
    names = set(network.state_dict())
    for name in (
        "gemnet.cbf_basis3.radial_basis.rbf.offset",
        "gemnet.int_blocks.3.trip_interaction.mlp_cbf.weight",
        "gemnet.out_blocks.4.seq_energy.3.dense_mlp.1.linear.weight",
        "gemnet.lattice_out_blocks.4.mlp.1.linear.weight",
        "noise_level_encoding.div_term",
        "fc_atom.bias",
    ):
        assert name in names


def test_species_without_a_row_are_refused(network: GemNetwork) -> None:
    numbers, frac, cell, unknown = random_crystal(2, 16)
    numbers[0] = 104
    with pytest.raises(ValueError, match="atomic number 104"):
        network.prepare(batch((numbers, frac, cell, unknown)))


def test_memory_grows_with_the_structure() -> None:
    network = make_network()
    estimates = [network.memory(n, np.eye(3) * (12.0 * n) ** (1 / 3)) for n in (1, 4, 16, 64)]
    assert all(before < after for before, after in pairwise(estimates))
