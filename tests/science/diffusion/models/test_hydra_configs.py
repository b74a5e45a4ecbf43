from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from published_files import MODEL, MODULE, base_config, changed, td_config

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, FractionalNoiseSettings
from aiida_hpaint.science.diffusion.models.hydra_configs import (
    parse_config,
    read_config_file,
    read_gemnet_settings,
    require_plain_denoiser,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings


def size(config: dict[str, Any]) -> GemNetSettings:
    return read_gemnet_settings(parse_config(config))[0]


def test_the_published_base_model() -> None:
    found = parse_config(base_config())
    assert read_gemnet_settings(found) == (GemNetSettings(), [])
    assert found.noise == FractionalNoiseSettings(smallest=0.01, largest=5.0)
    assert found.sampling.model_dump() == {
        "scheme": "baseline",
        "steps": 50,
        "corrector_steps": 1,
        "snr": 0.2,
        "noise_scale": 1.0,
        "redraws": 0,
    }
    assert found.data == "alex_mp_20"


def test_a_model_with_a_time_for_each_site() -> None:
    found = parse_config(td_config())
    assert size(td_config()) == GemNetSettings(species=100, types=100, known_time=0.001)
    assert found.sampling.scheme == "td"
    assert found.sampling.snr == 0.4


def test_a_model_for_positions_alone() -> None:
    config = changed(base_config(), f"{MODULE}.corruption.discrete_corruptions", ...)
    config = changed(config, f"{MODULE}.corruption.sdes.cell", ...)
    assert parse_config(config).sampling.scheme == "pos-only"
    # the crystal structures of one composition: cells are noised, too
    config = changed(base_config(), f"{MODULE}.corruption.discrete_corruptions", {})
    assert parse_config(config).sampling.scheme == "baseline"


@pytest.mark.parametrize(
    ("change", "time"),
    [
        ({f"{MODULE}.t_replace": 0.02}, 0.02),
        ({f"{MODULE}.p_replace": 0.2}, 0.005),
        ({f"{MODULE}._target_": "old_name.time_dependent.diffusion_module.TDModule"}, 0.005),
        ({f"{MODULE}.t_replace": "1e-3"}, 0.001),
    ],
)
def test_the_time_of_clean_sites(change: dict[str, Any], time: float) -> None:
    config = base_config()
    for path, value in change.items():
        config = changed(config, path, value)
    found = parse_config(config)
    assert found.sampling.scheme == "td"
    assert found.known_time == time
    assert size(config).known_time == time


def test_sizes_have_mattergens_defaults() -> None:
    config = changed(base_config(), f"{MODEL}.gemnet.num_blocks", ...)
    config = changed(config, f"{MODEL}.gemnet.cutoff", ...)
    config = changed(config, f"{MODEL}.gemnet.num_radial", 32)
    config = changed(config, f"{MODEL}.gemnet.max_neighbors", 20)
    config = changed(config, f"{MODULE}.corruption.sdes.pos.sigma_min", 0.005)
    assert size(config) == GemNetSettings(blocks=3, cutoff=6.0, radial=32, neighbours=20)
    assert parse_config(config).noise.smallest == 0.005


def test_what_is_not_understood_is_noted() -> None:
    config = changed(base_config(), f"{MODEL}.gemnet.twist", 3)
    _, notes = read_gemnet_settings(parse_config(config))
    assert notes == ["argument twist of GemNetT was not understood"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{MODEL}.property_embeddings", {"space_group": {}}, r"properties \(space_group\)"),
        (
            f"{MODEL}.property_embeddings_adapt",
            {"hhi_score": {}, "dft_mag_density": {}},
            r"\(dft_mag_density, hhi_score\).*--architecture mattergen",
        ),
        (f"{MODEL}.gemnet.condition_on_adapt", ["hhi_score"], r"\(hhi_score\)"),
        (f"{MODEL}._target_", "mattergen.adapter.GemNetTAdapter", "GemNetTAdapter"),
        (f"{MODEL}.gemnet._target_", "other.SchNet", r"network is other\.SchNet"),
        (f"{MODEL}.gemnet.rbf", {"name": "bessel"}, "rbf of its GemNetT is"),
        (f"{MODEL}.gemnet.otf_graph", False, "otf_graph"),
        (f"{MODEL}.gemnet.cutoff", -1, r"impossible values: cutoff = -1"),
        (f"{MODEL}.gemnet.cutoff", "far", r"impossible values: cutoff = 'far'"),
        (f"{MODEL}.gemnet", ..., r"no lightning_module\.diffusion_module\.model\.gemnet"),
        ("lightning_module", ..., r"no lightning_module\.diffusion_module"),
        ("lightning_module", "mattergen", r"no lightning_module\.diffusion_module"),
        (f"{MODULE}.corruption.sdes.pos", ..., r"no .*corruption\.sdes\.pos"),
        (f"{MODULE}.corruption.sdes.pos._target_", "sde.VESDE", r"noised by sde\.VESDE"),
        (f"{MODULE}.corruption.sdes.pos.wrapping_boundary", 2, "not fractional"),
        (
            f"{MODEL}.gemnet.latent_dim",
            "${eval:'${..hidden_dim} * 2'}",
            r"model\.gemnet\.latent_dim .* only Hydra can compute",
        ),
        (f"{MODEL}.gemnet.cutoff", "???", "only Hydra can compute"),
    ],
)
def test_another_model_is_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        size(changed(base_config(), path, value))


def test_a_network_for_the_package_is_as_it_was() -> None:
    link = "${lightning_module.diffusion_module.model.hidden_dim}"
    config = changed(base_config(), f"{MODEL}.gemnet.emb_size_atom", link)
    config = changed(config, f"{MODEL}.property_embeddings", {"space_group": {"dims": [2, 3]}})
    denoiser = require_plain_denoiser(parse_config(config))
    assert denoiser["gemnet"]["emb_size_atom"] == 512
    assert denoiser["property_embeddings"] == {"space_group": {"dims": [2, 3]}}
    config = changed(config, f"{MODEL}.property_embeddings", {"a": {"dims": ["${eval:'1'}"]}})
    with pytest.raises(CheckpointError, match=r"property_embeddings\.a\.dims\[0\] .*only Hydra"):
        require_plain_denoiser(parse_config(config))


def test_a_configuration_is_never_instantiated(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    marker = tmp_path / "marker"
    path.write_text(f"a: !!python/object/apply:os.system ['touch {marker}']")
    with pytest.raises(CheckpointError, match="not a readable configuration"):
        read_config_file(path)
    assert not marker.exists()
    yaml.unsafe_load(path.read_text())
    assert marker.exists()


@pytest.mark.parametrize("text", ["- a list", "", "a: [", "\0"])
def test_other_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.yaml is not a "):
        read_config_file(path)
    with pytest.raises(CheckpointError, match=r"no\.yaml is not a readable configuration"):
        read_config_file(tmp_path / "no.yaml")


def test_references_lead_where_omegaconf_takes_them() -> None:
    config = changed(base_config(), "width", 8)
    config = changed(config, f"{MODEL}.gemnet.num_radial", "${width}")
    config = changed(config, f"{MODEL}.gemnet.num_blocks", "${.max_cell_images_per_dim}")
    config = changed(config, f"{MODEL}.gemnet.emb_size_bil_trip", "${..hidden_dim}")
    config = changed(config, "module", "${lightning_module.diffusion_module}")
    config = changed(config, "data_module.root_dir", "${width}/set-${module.model.hidden_dim}")
    found = size(config)
    assert (found.radial, found.blocks, found.bilinear_width) == (8, 5, 512)
    assert parse_config(config).data == "set-512"


@pytest.mark.parametrize(
    "text",
    [
        "${eval:'1/${n}'}",
        "${oc.env:HPAINT_SECRET}",
        "${ oc.env:HPAINT_SECRET}",
        "${test_resolver:1}",
        "$${width}{oc.env:HPAINT_SECRET}",
        "${width.${name}}",
        "${",
        "${nowhere}",
        "${.nowhere}",
        "${.cutoff}",
        "x${lightning_module}",
        "???",
    ],
)
def test_what_is_not_a_reference_is_never_computed(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPAINT_SECRET", "6.5")
    calls: list[Any] = []
    OmegaConf.register_new_resolver("test_resolver", calls.append)
    try:
        config = changed(base_config(), "width", 8)
        size(changed(config, "trainer.unused", text))
        with pytest.raises(CheckpointError) as error:
            size(changed(config, f"{MODEL}.gemnet.cutoff", text))
    finally:
        OmegaConf.clear_resolver("test_resolver")
    assert not calls
    assert "6.5" not in str(error.value)


def test_pieces_of_an_expression_are_not_put_together() -> None:
    config = changed(base_config(), "pieces", {"a": "$", "b": "{oc.env:HOME}"})
    config = changed(config, f"{MODEL}.gemnet.cutoff", "${pieces.a}${pieces.b}")
    with pytest.raises(CheckpointError, match=r"cutoff = '\$\{oc\.env:HOME\}'"):
        size(config)
    denoiser = require_plain_denoiser(parse_config(config))
    assert denoiser["gemnet"]["cutoff"] == "${oc.env:HOME}"


def test_a_configuration_inside_itself_is_refused() -> None:
    config = base_config()
    config["itself"] = config
    with pytest.raises(CheckpointError, match="its configuration is not valid"):
        parse_config(config)
