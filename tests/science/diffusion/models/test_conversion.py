from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from published_files import (
    MODEL,
    MODULE,
    SMALL,
    changed,
    small_config,
    small_network,
    state_of,
    write_checkpoint,
    write_folder,
)
from safetensors.torch import load_file

from aiida_hpaint.science.diffusion.crystals import collate
from aiida_hpaint.science.diffusion.models.cards import (
    CellNoiseSettings,
    CheckpointError,
    FractionalNoiseSettings,
    ModelCard,
    hash_card,
    read_card,
)
from aiida_hpaint.science.diffusion.models.checkpoints import load_model
from aiida_hpaint.science.diffusion.models.conversion import convert_checkpoint
from aiida_hpaint.science.diffusion.models.library import find_model, list_models
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings
from aiida_hpaint.science.files import hash_file, models_folder

P = "diffusion_module.model."


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def estimate(network: Any, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """What a network says of a crystal."""
    frac = np.array([[0, 0, 0], [0.3, 0.4, 0.2], [0.6, 0.7, 0.9]])
    crystals = collate(
        [np.array([12, 8, 1])], [frac], [4.0 * np.eye(3)], [np.array([0, 0, 1], bool)], dtype
    )
    with torch.no_grad():
        return network(crystals, torch.tensor([[0.0, 0.0, 0.2]], dtype=dtype), None)


def test_a_converted_model_says_what_the_network_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "published")
    card = convert_checkpoint(folder, name="group/mine", provenance={"licence": "MIT"})
    model = load_model("group/mine", "cpu", "float32")
    assert model.card == card == read_card(models_folder() / "group" / "mine.json")
    assert torch.equal(estimate(model.network), estimate(small_network()))
    assert model.dtype == torch.float32
    assert load_model("group/mine", "cpu").dtype == torch.float32
    assert load_model("group/mine", "cpu", "float64").dtype == torch.float64
    assert card in list_models()


def test_the_card_tells_where_the_model_is_from(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "published")
    card = convert_checkpoint(folder, name="mine", provenance={"licence": "MIT"})
    checkpoint = folder / "checkpoints" / "last.ckpt"
    assert card.data == {
        "source_sha256": hash_file(checkpoint),
        "config_sha256": hash_file(folder / "config.yaml"),
        "trained_on": "alex_mp_20",
        "converted_by": card.data["converted_by"],
        "heads_left_out": ["energy", "types"],
        "licence": "MIT",
    }
    assert card.training["global_step"] == 1234
    assert card.architecture == "gemnet"
    assert card.noise == FractionalNoiseSettings(smallest=0.01, largest=5)
    assert card.sampling.scheme == "baseline"


def test_heads_that_positions_do_not_need_are_kept_on_demand(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "published")
    few = convert_checkpoint(folder, name="few")
    all_ = convert_checkpoint(folder, name="all", all_weights=True)
    assert GemNetSettings.model_validate(all_.network) == SMALL
    names = {name: set(load_file(find_model(name))) for name in ("few", "all")}
    assert names["all"] == set(small_network().state_dict())
    gone = names["all"] - names["few"]
    assert {name.partition(".")[0] for name in gone} == {"gemnet", "fc_atom"}
    assert any("out_energy" in name for name in gone)
    assert not any("lattice" in name for name in gone)
    assert "heads_left_out" in few.data
    assert "heads_left_out" not in all_.data
    same = [estimate(load_model(name, "cpu").network) for name in ("few", "all")]
    assert torch.equal(*same)


def test_models_that_learned_cells_keep_their_lattice_head(tmp_path: Path) -> None:
    card = convert_checkpoint(write_folder(tmp_path / "cells"), name="cells")
    assert card.cell == CellNoiseSettings(density=0.05771451654022283)
    assert any("lattice_out_blocks" in name for name in load_file(find_model("cells")))
    state = {
        name: each for name, each in state_of(small_network()).items() if "lattice" not in name
    }
    without_head = write_folder(tmp_path / "headless", small_config(), state)
    no_noise = changed(small_config(), f"{MODULE}.corruption.sdes.cell", ...)
    other = changed(small_config(), f"{MODULE}.corruption.sdes.cell._target_", "other.LatticeVESDE")
    folders = [write_folder(tmp_path / "fixed", no_noise), write_folder(tmp_path / "other", other)]
    for number, folder in enumerate([without_head, *folders]):
        fixed = convert_checkpoint(folder, name=f"fixed{number}")
        assert fixed.cell is None
        assert not fixed.network["lattice"]
        assert "lattice" in fixed.data["heads_left_out"]
        assert torch.equal(*(estimate(load_model(n, "cpu").network) for n in ("cells", fixed.name)))


def test_cards_without_cells_have_the_hash_that_they_had() -> None:
    values = {"name": "old", "architecture": "gemnet", "network": {}}
    old = ModelCard(**values, noise=FractionalNoiseSettings())
    kept = old.model_dump(mode="json", include={"architecture", "network", "noise", "sampling"})
    before = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    assert hash_card(old) == before
    assert hash_card(old.model_copy(update={"cell": CellNoiseSettings()})) != before


def test_a_model_with_a_time_for_each_site(tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"species": 100, "types": 100})
    state = state_of(small_network(settings))
    card = convert_checkpoint(write_folder(tmp_path / "td", small_config(True), state), name="td")
    assert card.sampling.scheme == "td"
    assert card.network["known_time"] == 0.001
    assert card.network["species"] == 100


@pytest.mark.parametrize("form", ["folder", "file", "beside", "inside"])
def test_checkpoints_are_used_directly(tmp_path: Path, form: str, own_models: Path) -> None:
    path = tmp_path / "run" / ("last.ckpt" if form == "beside" else "checkpoints/last.ckpt")
    if form == "inside":
        path = tmp_path / "epoch=3.ckpt"
        write_checkpoint(path, state_of(small_network()), config=small_config())
    else:
        write_checkpoint(path, state_of(small_network()))
        (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(small_config()))
    name = str(tmp_path / "run" if form == "folder" else path)
    model = load_model(name, "cpu")
    assert torch.equal(estimate(model.network), estimate(small_network()))
    assert model.card.name == ("epoch=3" if form == "inside" else "run")
    stored = find_model(name)
    assert stored.is_relative_to(own_models / ".converted")
    written = stored.stat().st_mtime_ns
    load_model(name, "cpu")
    assert stored.stat().st_mtime_ns == written
    assert model.card not in list_models()


def test_another_content_is_another_model(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run")
    first = find_model(str(folder))
    config = changed(small_config(), f"{MODULE}.corruption.sdes.pos.sigma_max", 4.0)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    second = find_model(str(folder))
    assert first != second
    assert read_card(second).noise.largest == 4.0
    write_folder(folder, config, {k: v * 1 for k, v in state_of(small_network()).items()})
    write_checkpoint(folder / "checkpoints" / "last.ckpt", state_of(small_network()), epoch=8)
    assert find_model(str(folder)) not in (first, second)


def test_configurations_that_disagree_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    inside = changed(small_config(), f"{MODEL}.gemnet.cutoff", 6.0)
    write_checkpoint(path, state_of(small_network()), config=inside)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(small_config()))
    card = convert_checkpoint(path, name="mine")
    assert card.network["cutoff"] == 7
    assert "differs" in card.data["config_note"]
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(inside))
    card = convert_checkpoint(path, other, name="mine")
    assert card.network["cutoff"] == 6
    assert "config_note" not in card.data
    # one of older code, which cannot be read, says nothing
    write_checkpoint(path, state_of(small_network()), config={"old": 1})
    assert "config_note" not in convert_checkpoint(path, name="mine").data


def edited(edit: Any) -> dict[str, torch.Tensor]:
    state = state_of(small_network())
    edit(state)
    return state


@pytest.mark.parametrize(
    ("edit", "messages"),
    [
        (
            lambda s: s.pop(f"{P}gemnet.edge_emb.dense.linear.weight"),
            [r"missing are gemnet\.edge_emb\.dense\.linear\.weight \(8, 22\)"],
        ),
        (
            lambda s: s.update({f"{P}gemnet.spin.weight": torch.ones(2, 3)}),
            [r"not known are gemnet\.spin\.weight \(2, 3\)", r"Use the config\.yaml"],
        ),
        (
            lambda s: s.update({f"{P}gemnet.atom_emb.embeddings.weight": torch.ones(100, 8)}),
            [
                r"gemnet\.atom_emb\.embeddings\.weight is \(100, 8\), .*\(101, 8\)",
                r"the weights have 100 species \(with_mask_type adds one\).* says 101",
            ],
        ),
        (
            lambda s: [s.pop(k) for k in list(s) if ".int_blocks.1." in k],
            [
                r"missing are gemnet\.int_blocks\.1\.",
                r"and \d+ more of gemnet\.int_blocks\.1",
                r"the weights have 1 interaction blocks \(num_blocks\), the config.* says 2",
            ],
        ),
        (
            lambda s: s[f"{P}gemnet.edge_emb.dense.linear.weight"].fill_(float("nan")),
            [r"not finite \(gemnet\.edge_emb.*1 tensors in all.*diverged"],
        ),
        (
            lambda s: s.update({"ema.decay": torch.ones(1)}),
            [r"unknown meaning outside of the denoiser: ema\.decay \(1,\)"],
        ),
        (
            lambda s: s.update(
                {f"{P}property_embeddings_adapt.dft_band_gap.scaler.mean": torch.ones(1)}
            ),
            [r"fine-tuned to properties \(dft_band_gap\)"],
        ),
        (
            lambda s: [s.update({k.replace(P, "net."): s.pop(k)}) for k in list(s) if P in k],
            [r"no tensors of diffusion_module\.model\.\*, only of diffusion_module, net"],
        ),
    ],
)
def test_weights_and_configuration_have_to_agree(
    tmp_path: Path, edit: Any, messages: list[str]
) -> None:
    folder = write_folder(tmp_path / "run", state=edited(edit))
    for message in messages:
        with pytest.raises(CheckpointError, match=message) as caught:
            convert_checkpoint(folder, name="mine")
        assert str(caught.value).count("last.ckpt: ") == 1
    assert not (models_folder() / "mine.json").exists()


def test_weights_that_positions_do_not_need_may_be_missing(tmp_path: Path) -> None:
    state = edited(lambda s: [s.pop(k) for k in list(s) if "lattice" in k or "fc_atom" in k])
    folder = write_folder(tmp_path / "run", state=state)
    convert_checkpoint(folder, name="mine")
    with pytest.raises(CheckpointError, match="missing are fc_atom"):
        convert_checkpoint(folder, name="mine", all_weights=True)


def test_a_fine_tuned_model_is_for_the_package(tmp_path: Path) -> None:
    config = changed(small_config(), f"{MODEL}._target_", "mattergen.adapter.GemNetTAdapter")
    config = changed(config, f"{MODEL}.property_embeddings_adapt", {"dft_band_gap": {"a": 1}})
    state = edited(lambda s: s.update({f"{P}property_embeddings_adapt.a": torch.ones(1)}))
    folder = write_folder(tmp_path / "run", config, state)
    with pytest.raises(CheckpointError, match=r"dft_band_gap.*--architecture mattergen"):
        find_model(str(folder))
    card = convert_checkpoint(folder, name="tuned", architecture="mattergen")
    assert card.architecture == "mattergen"
    assert card.network["denoiser"]["property_embeddings_adapt"] == {"dft_band_gap": {"a": 1}}
    names = set(load_file(find_model("tuned")))
    assert "denoiser.property_embeddings_adapt.a" in names
    assert all(name.startswith("denoiser.") for name in names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.ckpt", r"no checkpoint .*nothing\.ckpt"),
        ("empty", r"no checkpoints/last\.ckpt in the folder .*empty"),
        ("bare.ckpt", r"bare\.ckpt: it holds no configuration.*--config"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    write_checkpoint(tmp_path / "bare.ckpt", state_of(small_network()))
    with pytest.raises(CheckpointError, match=message):
        find_model(str(tmp_path / name))
    with pytest.raises(CheckpointError, match=r"no configuration .*no\.yaml"):
        convert_checkpoint(tmp_path / "bare.ckpt", tmp_path / "no.yaml", name="mine")


def test_a_name_is_no_path(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run")
    for name in ("../mine", "/mine", "a/b/c", "a/../b", ".mine", "", "mine.ckpt"):
        with pytest.raises(CheckpointError, match="cannot be the name of a model"):
            convert_checkpoint(folder, name=name)


def test_a_file_of_ones_own_choice(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run")
    card = convert_checkpoint(folder, output=tmp_path / "out" / "mine")
    assert card.name == "mine"
    path = tmp_path / "out" / "mine.safetensors"
    assert load_model(str(path), "cpu").card == card
    assert sorted(file.name for file in path.parent.iterdir()) == ["mine.json", path.name]
