from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    CheckpointError,
    ModelCard,
)
from aiida_hpaint.science.diffusion.models.checkpoints import load_model, save_model
from aiida_hpaint.science.diffusion.models.library import list_models
from aiida_hpaint.science.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.science.files import hash_file

SMALL = DenseNetworkSettings(width=16, layers=1, radial=4, heads=2)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    card = ModelCard(
        name="small",
        architecture="dense",
        network=SMALL.model_dump(),
        noise=CartesianNoiseSettings(),
    )
    save_model(DenseNetwork(SMALL), card, path)
    return path


def edit_card(path: Path, **values: object) -> None:
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **values}))


def test_weights_survive(tmp_path: Path) -> None:
    network = DenseNetwork(SMALL)
    path = tmp_path / "new" / "small.safetensors"
    card = ModelCard(
        name="small",
        architecture="dense",
        network=SMALL.model_dump(),
        noise=CartesianNoiseSettings(),
    )
    saved = save_model(network, card, path)
    loaded = load_model(str(path), "cpu", "float32")
    assert saved.sha256 == hash_file(path)
    assert loaded.card == saved
    weights = loaded.network.state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(weights[name], value)


def test_the_card_names_the_model_as_well(model_file: Path) -> None:
    assert load_model(str(model_file.with_suffix(".json"))).card.name == "small"


def test_the_bundled_model_has_a_complete_card() -> None:
    card = load_model("bundled").card
    assert card in list_models()
    assert card.data["licence"]
    assert card.training["steps"] > 0
    assert card.accuracy


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"no model 'hydrogenator'.*bundled"):
        load_model("hydrogenator")


def test_a_changed_file_is_refused(model_file: Path) -> None:
    model_file.write_bytes(model_file.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="does not have the sha256 of its card"):
        load_model(str(model_file))


def test_another_architecture_is_refused(model_file: Path) -> None:
    edit_card(model_file, architecture="transformer")
    with pytest.raises(CheckpointError, match="architecture 'transformer'; this version supports"):
        load_model(str(model_file))


def test_another_size_is_refused(model_file: Path) -> None:
    edit_card(model_file, network={"width": 24})
    with pytest.raises(CheckpointError, match="does not fit the network on its card"):
        load_model(str(model_file))


def test_a_pickle_is_not_read(model_file: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, model_file)
    edit_card(model_file, sha256=hash_file(model_file))
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_model(str(model_file))


def test_a_missing_card_is_named(model_file: Path) -> None:
    model_file.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"has no card: put small\.json beside it"):
        load_model(str(model_file))


def test_a_card_of_something_else_is_refused(model_file: Path) -> None:
    edit_card(model_file, flavour="vanilla")
    with pytest.raises(CheckpointError, match="is not a model card"):
        load_model(str(model_file))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error(model_file: Path) -> None:
    with pytest.raises(CheckpointError, match="torch sees no GPU"):
        load_model(str(model_file), "cuda")
