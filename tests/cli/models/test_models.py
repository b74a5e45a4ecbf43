from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from fake_hub import Hub
from huggingface_hub import constants
from published_files import MODEL, changed, small_config, write_folder

from aiida_hpaint.cli import main
from aiida_hpaint.cli.models.models import models
from aiida_hpaint.science.diffusion.models.library import find_model

NAME = "mattergen/base"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments])


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "run-1")


def test_every_command_teaches_by_example() -> None:
    for command in models.commands:
        assert f"aiida-hpaint models {command}" in run(command, "--help").output
    assert "Examples:" in run("--help").output


def test_generators_of_other_packages_are_listed(plugin: Path) -> None:
    [line] = [line for line in run("list").output.splitlines() if " toy " in line]
    assert "from toy-generators" in line
    assert "1.2" in line


def test_what_could_be_fetched_is_listed_as_such(folder: Path, own_models: Path) -> None:
    lines = run("list").output.splitlines()
    [line] = [line for line in lines if NAME in line]
    assert "not fetched" in line
    assert any(str(own_models) in line for line in lines)
    run("convert", str(folder), "--name", NAME)
    [line] = [line for line in run("list").output.splitlines() if NAME in line]
    assert "not fetched" not in line


def test_a_broken_card_does_not_hide_the_others(own_models: Path) -> None:
    own_models.mkdir()
    (own_models / "broken.json").write_text("{}")
    (own_models / "broken.safetensors").write_bytes(b"")
    result = run("list")
    assert result.exit_code == 0
    assert "bundled" in result.output
    assert "broken.json is not a model card" in result.output


def test_a_card_cannot_write_to_the_terminal(folder: Path, own_models: Path) -> None:
    run("convert", str(folder), "--name", NAME)
    [path] = own_models.rglob("*.json")
    card = json.loads(path.read_text("utf-8"))
    card["description"] = "good \x1b[2J\x1b]0;title\x07 model"
    card["data"] = {**card.get("data", {}), "licence": "MIT\x1b[31m"}
    path.write_text(json.dumps(card), "utf-8")
    for output in (run("show", NAME).output, run("list").output):
        assert "\x1b" not in output
        assert "\x07" not in output
        assert "\\x1b[2J" in output


def test_fetch_convert_and_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    files = {
        "checkpoints/mattergen_base/config.yaml": folder / "config.yaml",
        "checkpoints/mattergen_base/checkpoints/last.ckpt": folder / "checkpoints" / "last.ckpt",
    }
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        commit = hub.publish("microsoft/mattergen", {k: p.read_bytes() for k, p in files.items()})
        result = run("fetch", NAME)
    assert result.exit_code == 0, result.output
    for part in (NAME, commit, str(find_model(NAME)), f"--generator {NAME}", "parameters"):
        assert part in result.output
    shown = run("show", NAME).output
    for part in (commit, "gemnet", "baseline", "MIT", "Zeni", "fractional"):
        assert part in shown


def test_a_demanded_sha256_is_passed_on(folder: Path) -> None:
    run("convert", str(folder), "--name", NAME)
    result = run("fetch", NAME, "--sha256", "0" * 64)
    assert result.exit_code == 2
    assert "was expected" in result.output


def test_a_converted_checkpoint_has_its_licence_and_notes(folder: Path) -> None:
    config = changed(small_config(), f"{MODEL}.gemnet.twist", 3)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    result = run("convert", str(folder), "--name", "mine", "--licence", "CC0")
    assert "Note: argument twist of GemNetT was not understood" in result.output
    assert "CC0" in run("show", "mine").output


def test_a_model_goes_where_it_is_wanted(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "mine.safetensors"
    checkpoint, config = folder / "checkpoints" / "last.ckpt", folder / "config.yaml"
    result = run("convert", str(checkpoint), "--config", str(config), "--output", str(output))
    assert result.exit_code == 0, result.output
    assert f"--generator {output}" in result.output
    assert json.loads(output.with_suffix(".json").read_text())["name"] == "mine"


def test_a_model_for_the_package(folder: Path) -> None:
    assert run("convert", str(folder), "--name", "m", "--architecture", "mattergen").exit_code == 0
    assert "GemNetTDenoiser" in run("show", "m").output


def test_the_bundled_model_shows_its_accuracy() -> None:
    shown = run("show", "bundled").output
    assert "dense" in shown
    assert "±" in shown


def test_a_published_model_shows_where_it_is() -> None:
    shown = run("show", NAME).output
    for part in ("models fetch mattergen/base", "huggingface.co/microsoft/mattergen", "MIT"):
        assert part in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing"], "no model 'nothing'"),
        (["fetch", "nothing"], "no published model 'nothing' to fetch: choose from xtalpaint/td"),
        (["convert", "nothing.ckpt"], "there is no checkpoint nothing.ckpt"),
    ],
)
def test_what_is_not_there_is_named(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_potentials_show_licence_version_and_what_to_install() -> None:
    found = json.loads(run("show", "orb-v3-conservative-inf-omat", "--json").output)
    assert found["licence"] == "Apache-2.0"
    assert found["revision"] == "the file of 20250404"
    assert found["package"] == "orb-models (pip install orb-models)"
    assert found["sha256"] == "that of the first fetch"
    assert "not pinned" in run("show", "mattersim-v1-5m").output
    own = run("show", "nequix").output
    assert "potential.model=FILE" in own
    assert "pip install nequix" in own
    shown = run("show", "sevennet-0").output
    assert "inside sevenn" in shown
    assert "Park et al." in shown
    listed = run("list").output
    for name in ("nequix-mp-1", "sevennet-omni", "grace-2l-oam-l", "pet-mad-s-v1.6.0"):
        assert name in listed
