from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    FractionalNoiseSettings,
)
from aiida_hpaint.science.diffusion.noise import Noise
from aiida_hpaint.science.diffusion.training.dataset import (
    NoisyBatch,
    NoisyBatches,
    find_carried,
)
from aiida_hpaint.science.diffusion.training.files import Source, load_structures
from aiida_hpaint.science.diffusion.training.masks import MaskSettings
from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal, TrainingStructures

CRYSTALS = Path(__file__).parents[1] / "data" / "crystals.npz"


@pytest.fixture(scope="module")
def structures() -> TrainingStructures:
    return load_structures([Source(path=CRYSTALS)])


def batches(structures: TrainingStructures, first: int, last: int, **values: Any) -> NoisyBatches:
    settings: dict[str, Any] = {"masks": MaskSettings(), "noise": CartesianNoiseSettings()}
    settings |= {"batch_size": 6, "focus_share": 0.25, "seed": 0}
    return NoisyBatches(structures, first=first, last=last, **{**settings, **values})


def same(one: NoisyBatch, other: NoisyBatch) -> bool:
    return (
        torch.equal(one.crystals.frac, other.crystals.frac)
        and torch.equal(one.levels, other.levels)
        and torch.equal(one.target, other.target)
    )


def test_batches_depend_on_seed_and_step_alone(structures: TrainingStructures) -> None:
    whole, late = list(batches(structures, 0, 40)), list(batches(structures, 30, 40))
    assert all(same(one, other) for one, other in zip(whole[30:], late, strict=True))
    different = next(iter(batches(structures, 0, 1, seed=1)))
    assert not torch.equal(different.levels, whole[0].levels)
    watched = next(iter(batches(structures, 0, 1, stream=1)))
    assert not same(watched, whole[0])


def test_processes_share_the_sequence_of_one(structures: TrainingStructures) -> None:
    whole = list(batches(structures, 0, 8))
    for rank in range(2):
        part = list(batches(structures, 0, 4, rank=rank, world=2))
        assert all(same(one, other) for one, other in zip(part, whole[rank::2], strict=True))


def test_workers_share_the_sequence_of_one(structures: TrainingStructures) -> None:
    loaded = list(DataLoader(batches(structures, 2, 9), batch_size=None, num_workers=2))
    assert all(
        same(one, other) for one, other in zip(loaded, batches(structures, 2, 9), strict=True)
    )


def test_only_noisy_sites_have_a_level_and_a_target(structures: TrainingStructures) -> None:
    batch = next(iter(batches(structures, 3, 4)))
    unknown = batch.crystals.unknown
    assert (batch.levels[~unknown] == 0).all()
    assert (batch.target[~unknown] == 0).all()
    assert (batch.levels[unknown] > 0).all()
    assert unknown.any(1).all()


@pytest.mark.parametrize("noise", [CartesianNoiseSettings(), FractionalNoiseSettings()])
def test_td_tells_the_level_of_epsilon_and_is_noisy_there(
    structures: TrainingStructures, noise: Any
) -> None:
    masks = MaskSettings(kind="td", p_replace=0.5, t_replace=0.001)
    batch = batches(structures, 0, 1, masks=masks, noise=noise).batch(0)
    crystals = batch.crystals
    assert torch.equal(crystals.unknown, crystals.present)
    times = Noise(noise).times(batch.levels.double(), crystals.to("cpu", torch.float64))
    at_epsilon = ((times - 0.001).abs() < 1e-5) & crystals.present
    assert 0.3 < at_epsilon.sum() / crystals.present.sum() < 0.7
    assert (batch.target[at_epsilon].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("noise", [CartesianNoiseSettings(), FractionalNoiseSettings()])
def test_targets_have_unit_variance_while_the_noise_is_small(
    structures: TrainingStructures, noise: Any
) -> None:
    drawn = list(batches(structures, 0, 40, masks=MaskSettings(kind="none"), noise=noise))
    scale = [3 * b.levels if noise.kind == "cartesian" else 30 * b.levels for b in drawn]
    small = torch.cat(
        [b.target[(s < 1) & b.crystals.present] for b, s in zip(drawn, scale, strict=True)]
    )
    assert len(small) > 300
    assert abs(float(small.square().mean()) - 1) < 0.15


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0.0), (0.5, 0.5), (None, 0.3), (1.0, 1.0)])
def test_the_focus_is_drawn_as_often_as_asked(
    structures: TrainingStructures, share: float | None, wanted: float
) -> None:
    drawn = list(batches(structures, 0, 16, focus_share=share, batch_size=10))
    found = np.mean([(b.crystals.numbers == 1).any(1).float().mean() for b in drawn])
    assert found == pytest.approx(wanted, abs=0.01)


def test_structures_come_in_the_cell_that_sampling_uses(structures: TrainingStructures) -> None:
    from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame

    for index in range(10):
        start = structures.starts[index]
        sites = slice(start, start + structures.counts[index])
        numbers, frac = structures.numbers[sites], structures.frac[sites].astype(float)
        for niggli in (False, True):
            crystal = structures.crystal(index, niggli=niggli)
            frame = find_host_frame(
                structures.cells[index].astype(float), numbers, frac, niggli=niggli
            )
            # Dense networks see neither the order of axes nor their signs.
            left, right = (
                cell if niggli else np.sort(np.linalg.norm(cell, axis=1))
                for cell in (crystal.cell, frame.cell)
            )
            # Vectors whose lengths differ by less than 1e-5 count as equally long.
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-4)


def test_water_and_hydroxide_are_the_budget_of_a_crystal() -> None:
    numbers = np.array([8, 1, 1, 8, 1, 12])
    cart = np.array(
        [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0], [4, 4, 4], [4, 4, 4.97], [6, 6, 0]]
    )
    crystal = TrainingCrystal(numbers, cart / 10, 10 * np.eye(3))
    assert find_carried(crystal, numbers == 1).tolist() == [3, 0, 0, 2, 0, 1]


def test_a_site_of_the_focus_that_nothing_carries_leaves_sites_without_any_open() -> None:
    numbers = np.array([8, 1, 1, 12])
    crystal = TrainingCrystal(
        numbers, np.array([[0, 0, 0], [0.1, 0, 0], [0.5] * 3, [0.5, 0, 0.5]]), 10 * np.eye(3)
    )
    assert find_carried(crystal, numbers == 1).tolist() == [2, 0, 0, 0]


def test_the_network_is_told_budgets_as_often_as_asked(structures: TrainingStructures) -> None:
    masks = MaskSettings(focus_probability=1.0, budget_probability=0.5)
    told, silent = 0, 0
    for batch in batches(structures, 0, 30, masks=masks, focus_share=1.0):
        whole = (batch.crystals.numbers == 1) == batch.crystals.unknown
        complete = whole.all(1)
        told += int((batch.crystals.carried[complete] > 0).any(1).sum())
        silent += int((batch.crystals.carried[complete] == 0).all(1).sum())
        assert not batch.crystals.carried[batch.crystals.unknown].any()
    assert told / (told + silent) == pytest.approx(0.5, abs=0.15)


def test_structures_are_drawn_in_proportion_to_their_weights(
    structures: TrainingStructures,
) -> None:
    weights = np.ones(len(structures.counts))
    weights[structures.chosen[structures.contain(1)][0]] = 1e6
    heavy = replace(structures, weights=weights)
    batch = next(iter(batches(heavy, 0, 1, focus_share=1.0)))
    assert len({int(row.sum()) for row in batch.crystals.numbers}) == 1
