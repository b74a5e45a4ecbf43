from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.core import Structure

from aiida_hpaint.diffusion import generate, load_model
from aiida_hpaint.diffusion.cards import CartesianNoiseSettings
from aiida_hpaint.diffusion.dataset import NoisyBatches, load_structures
from aiida_hpaint.diffusion.export import export_model
from aiida_hpaint.diffusion.masks import MaskSettings
from aiida_hpaint.diffusion.networks.dense import DenseNetworkSettings
from aiida_hpaint.diffusion.training import TrainingSettings, noise_loss, train
from aiida_hpaint.settings import SamplingSettings
from aiida_hpaint.structures.batch import StructureBatch


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, crystals: dict[str, Structure]) -> Path:
    path = tmp_path_factory.mktemp("data") / "structures.npz"
    np.savez(
        path,
        num_atoms=np.array([len(crystal) for crystal in crystals.values()], dtype=np.int16),
        atomic_numbers=np.concatenate([crystal.atomic_numbers for crystal in crystals.values()]),
        frac_coords=np.concatenate([crystal.frac_coords for crystal in crystals.values()]),
        lattice=np.stack([crystal.lattice.matrix for crystal in crystals.values()]),
    )
    return path


def settings(data: Path, output: Path, **values: object) -> TrainingSettings:
    return TrainingSettings(
        data=data,
        output=output,
        network=DenseNetworkSettings(width=16, layers=2, radial=8, heads=4),
        **{"batch_size": 8, "steps": 20, "decay": 5, "save_every": 10, "warmup": 2, **values},
    )


def batches(data: Path, first: int, last: int, seed: int = 0) -> NoisyBatches:
    return NoisyBatches(
        load_structures(data),
        MaskSettings(),
        CartesianNoiseSettings(),
        batch_size=6,
        focus_share=0.25,
        seed=seed,
        first=first,
        last=last,
    )


def test_batches_depend_on_seed_and_step_alone(data: Path) -> None:
    whole, late = list(batches(data, 0, 40)), list(batches(data, 30, 40))
    for one, other in zip(whole[30:], late, strict=True):
        assert torch.equal(one.crystals.frac, other.crystals.frac)
        assert torch.equal(one.target, other.target)
    different = next(iter(batches(data, 0, 1, seed=1)))
    assert not torch.equal(different.levels, whole[0].levels)


def test_only_hidden_sites_are_noisy(data: Path) -> None:
    batch = next(iter(batches(data, 3, 4)))
    unknown = batch.crystals.unknown
    assert (batch.levels[~unknown] == 0).all()
    assert (batch.target[~unknown] == 0).all()
    assert (batch.levels[unknown] > 0).all()
    assert unknown.any(1).all()


def test_every_structure_counts_alike_in_the_loss() -> None:
    target = torch.zeros(2, 3, 3)
    unknown = torch.tensor([[True, False, False], [True, True, True]])
    estimate = torch.ones(2, 3, 3) * unknown[..., None]
    assert noise_loss(estimate, target, unknown) == 3
    assert noise_loss(estimate * torch.tensor([[[1.0]], [[0.0]]]), target, unknown) == 1.5


@pytest.mark.slow
def test_training_lowers_the_loss_resumes_exactly_and_gives_a_model(
    data: Path, tmp_path: Path
) -> None:
    run = settings(data, tmp_path / "whole", steps=60, save_every=30)
    last = train(run)
    losses = np.genfromtxt(tmp_path / "whole/log/metrics.csv", delimiter=",", names=True)
    assert np.isfinite(losses["loss"]).all()
    resumed = settings(data, tmp_path / "resumed", steps=60, save_every=30)
    again = train(resumed, resume=tmp_path / "whole" / "step=30.ckpt")
    states = [torch.load(path, weights_only=True)["state_dict"] for path in (last, again)]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    path = tmp_path / "model.safetensors"
    card = export_model(last, run, path)
    assert card.training["steps_done"] == 60
    host = StructureBatch(
        ("host",), np.eye(3)[None] * 3, [2], [12, 1], [[0, 0, 0], [np.nan] * 3], [False, True]
    )
    samples = generate(host, SamplingSettings(generator=str(path), samples=2, steps=4))
    assert samples.placed.all()
    assert samples.history[-1]["model"] == {"name": "trained", "sha256": card.sha256}


@pytest.mark.slow
def test_a_hundred_steps_learn_something(data: Path, tmp_path: Path) -> None:
    run = settings(data, tmp_path, steps=200, save_every=200, learning_rate=3e-3, average=0.9)
    train(run)
    network = load_model_of(run, tmp_path)
    probe = list(batches(data, 1000, 1010))
    with torch.no_grad():
        learnt = np.mean([loss_of(network, batch) for batch in probe])
        nothing = np.mean(
            [float(noise_loss(0 * b.target, b.target, b.crystals.unknown)) for b in probe]
        )
    assert learnt < 0.8 * nothing


def load_model_of(run: TrainingSettings, folder: Path) -> torch.nn.Module:
    path = folder / "model.safetensors"
    export_model(folder / "last.ckpt", run, path)
    network = load_model(str(path), "cpu", torch.float32).network
    assert isinstance(network, torch.nn.Module)
    return network


def loss_of(network: torch.nn.Module, batch: object) -> float:
    estimate = network(batch.crystals, batch.levels)
    return float(noise_loss(estimate, batch.target, batch.crystals.unknown))
