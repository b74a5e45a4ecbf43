from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import Hub
from huggingface_hub import constants, utils
from published_files import SMALL, small_config, small_network, state_of, write_folder

from aiida_hpaint.science.diffusion import load_model
from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.models.hub import fetch_model
from aiida_hpaint.science.diffusion.models.library import find_model, list_models
from aiida_hpaint.science.diffusion.models.published import PUBLISHED

NAME = "xtalpaint/td-pos-only"
MODEL = PUBLISHED[NAME]
TD = SMALL.model_copy(update={"species": 100, "types": 100})


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a model as they are in its repository."""
    folder = tmp_path_factory.mktemp("published")
    write_folder(folder, small_config(time_for_each_site=True), state_of(small_network(TD)))
    return {
        MODEL.config: (folder / "config.yaml").read_bytes(),
        MODEL.checkpoint: (folder / "checkpoints" / "last.ckpt").read_bytes(),
    }


@pytest.fixture
def hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: dict[str, bytes]
) -> Iterator[Hub]:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.publish(MODEL.repo, published)
        yield server
    monkeypatch.undo()
    forget_sessions()


def forget_sessions() -> None:
    """Clients before 1.0 look at HF_HUB_OFFLINE when they open a session."""
    getattr(utils, "reset_sessions", lambda: None)()


def sha256_of(published: dict[str, bytes]) -> str:
    return hashlib.sha256(published[MODEL.checkpoint]).hexdigest()


def test_a_fetched_model_is_found_by_its_name(hub: Hub, published: dict[str, bytes]) -> None:
    told: list[str] = []
    with pytest.raises(CheckpointError, match=f"not on this machine.*models fetch {NAME}"):
        find_model(NAME)
    card = fetch_model(NAME, report=told.append)
    assert load_model(NAME, "cpu").card == card
    assert card in list_models()
    assert card.sampling.scheme == "td"
    assert card.data["revision"] == hub.branches[MODEL.repo]["main"]
    assert card.data["source_sha256"] == sha256_of(published)
    assert card.data["source"] == "https://huggingface.co/t-reents/XtalPaint"
    assert card.data["citation"].startswith("Reents")
    assert card.data["licence"].startswith("MIT")
    assert [text.partition(" ")[0] for text in told] == ["fetching", "converting"]


def test_what_is_here_is_not_fetched_again(hub: Hub) -> None:
    card = fetch_model(NAME)
    hub.requests.clear()
    assert fetch_model(NAME) == card
    assert fetch_model(NAME, sha256=card.data["source_sha256"].upper()) == card
    assert fetch_model(NAME, card.data["revision"]) == card
    assert hub.requests == []


def test_a_branch_that_moved_is_taken_on_demand(hub: Hub, published: dict[str, bytes]) -> None:
    first = fetch_model(NAME)
    config = published[MODEL.config] + b"# new\n"
    hub.publish(MODEL.repo, {**published, MODEL.config: config})
    assert fetch_model(NAME) == first
    second = fetch_model(NAME, "main")
    assert second.data["revision"] != first.data["revision"]
    assert second.data["config_sha256"] != first.data["config_sha256"]
    assert fetch_model(NAME, first.data["revision"]) == first


def test_lost_weights_are_fetched_at_the_same_commit(hub: Hub, published: dict[str, bytes]) -> None:
    first = fetch_model(NAME)
    find_model(NAME).unlink()
    hub.publish(MODEL.repo, {**published, "README.md": b"new"})
    assert fetch_model(NAME) == first
    find_model(NAME).write_bytes(b"damaged")
    assert fetch_model(NAME) == first
    assert load_model(NAME, "cpu").card == first


def test_the_same_commit_has_the_same_content(
    hub: Hub, published: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetch_model(NAME)
    commit = first.data["revision"]
    folder = write_folder(tmp_path / "other", small_config(True), state_of(small_network(TD)))
    other = (folder / "checkpoints" / "last.ckpt").read_bytes()
    hub.commits[MODEL.repo, commit] = {**published, MODEL.checkpoint: other}
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another-cache"))
    find_model(NAME).unlink()
    with pytest.raises(CheckpointError, match=r"at the first download"):
        fetch_model(NAME)


def test_a_demanded_sha256_is_checked(hub: Hub, published: dict[str, bytes]) -> None:
    message = f"{sha256_of(published)}, but {'0' * 64} was expected"
    with pytest.raises(CheckpointError, match=message):
        fetch_model(NAME, sha256="0" * 64)
    with pytest.raises(CheckpointError, match="not on this machine"):
        find_model(NAME)
    with pytest.raises(CheckpointError, match="'0f' is not a sha256"):
        fetch_model(NAME, sha256="0f")
    fetch_model(NAME, sha256=sha256_of(published))
    with pytest.raises(CheckpointError, match="was expected"):
        fetch_model(NAME, sha256="0" * 64)


def test_a_damaged_download_is_named(hub: Hub) -> None:
    hub.corrupt = True
    with pytest.raises(CheckpointError, match="is damaged: its sha256 is not that of the hub"):
        fetch_model(NAME)


def test_the_cache_is_enough_without_a_network(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = fetch_model(NAME)
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "new-models"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    forget_sessions()
    hub.requests.clear()
    assert fetch_model(NAME) == first
    assert hub.requests == []


@pytest.mark.usefixtures("hub")
def test_without_a_network_the_way_by_hand_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    forget_sessions()
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set") as caught:
        fetch_model(NAME)
    assert "models convert last.ckpt --config config.yaml --name" in str(caught.value)
    assert "TD-pos-only/checkpoints/last.ckpt" in str(caught.value)


@pytest.mark.usefixtures("hub")
def test_a_hub_out_of_reach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"cannot reach http://127\.0\.0\.1:9 \(") as caught:
        fetch_model(NAME)
    assert f"copy\n    {NAME}.safetensors" in str(caught.value)


def test_what_the_hub_has_not_is_named(hub: Hub, published: dict[str, bytes]) -> None:
    with pytest.raises(
        CheckpointError, match=r"has no .*config\.yaml of .* at revision v9.*RevisionNotFound"
    ):
        fetch_model(NAME, "v9")
    hub.publish(MODEL.repo, {MODEL.config: published[MODEL.config]})
    with pytest.raises(CheckpointError, match=r"last\.ckpt of t-reents.*EntryNotFound"):
        fetch_model(NAME)
    with pytest.raises(CheckpointError, match="RepositoryNotFound"):
        fetch_model("mattergen/base")
    with pytest.raises(CheckpointError, match=r"no published model 'mattergen/all'.*choose"):
        fetch_model("mattergen/all")


@pytest.mark.slow
def test_the_command_with_nothing_but_environment_variables(hub: Hub, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "AIIDA_HPAINT_MODELS": "",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    command = ["aiida-hpaint", "models", "fetch", NAME]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    weights = tmp_path / "data" / "aiida-hpaint" / "models" / f"{NAME}.safetensors"
    assert weights.is_file()
