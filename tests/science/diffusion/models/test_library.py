from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, read_card
from aiida_hpaint.science.diffusion.models.library import (
    count_parameters,
    find_model,
    list_models,
    read_cards,
    stored_model_path,
)
from aiida_hpaint.science.files import models_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def put(path: Path, name: str = "mine") -> Path:
    """A copy of the bundled model, under another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bundled = find_model("bundled")
    shutil.copy(bundled, path)
    card = read_card(bundled).model_copy(update={"name": name})
    path.with_suffix(".json").write_text(card.model_dump_json())
    return path


def test_the_folder_is_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert models_folder() == tmp_path / "models"
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert models_folder() == tmp_path / "data" / "aiida-hpaint" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert models_folder() == Path.home() / ".local" / "share" / "aiida-hpaint" / "models"


def test_models_in_the_folder_have_names(folder: Path) -> None:
    put(folder / "mine.safetensors")
    put(folder / "group" / "v1.5.safetensors", "group/v1.5")
    put(folder / ".converted" / "0f.safetensors", "cached")
    put(folder / "alone.safetensors", "alone").unlink()
    assert find_model("group/v1.5") == folder / "group" / "v1.5.safetensors"
    assert find_model("mine") == stored_model_path("mine")
    assert [card.name for card in list_models()] == ["bundled", "group/v1.5", "mine"]


def test_a_name_is_never_taken_for_a_path(folder: Path, tmp_path: Path) -> None:
    stored = put(folder / "group" / "mine.safetensors")
    local = put(tmp_path / "group" / "mine.safetensors")
    assert find_model("group/mine") == stored
    assert find_model("./group/mine").resolve() == local
    assert find_model("group/mine.safetensors").resolve() == local
    published = put(tmp_path / "mattergen" / "base.safetensors")
    with pytest.raises(CheckpointError, match="models fetch mattergen/base"):
        find_model("mattergen/base")
    assert find_model("./mattergen/base").resolve() == published
    assert find_model(str(put(tmp_path / "v1.5.safetensors").with_suffix(""))).name[:4] == "v1.5"
    # what nobody has as a name may be a path
    assert find_model(str(put(tmp_path / "other" / "m.safetensors"))).name == "m.safetensors"


def test_the_bundled_model_cannot_be_replaced(folder: Path) -> None:
    stored = put(folder / "bundled.safetensors")
    assert find_model("bundled") != stored


@given(st.text(alphabet="ab./\\~-_ \0$", min_size=1, max_size=12))
def test_a_stored_model_is_inside_the_folder(name: str) -> None:
    try:
        path = stored_model_path(name)
    except CheckpointError:
        return
    assert path.resolve().is_relative_to(models_folder().resolve())
    assert ".." not in path.parts
    assert not path.relative_to(models_folder()).as_posix().startswith(".")


def test_a_broken_card_is_told_apart(folder: Path) -> None:
    put(folder / "broken.safetensors").with_suffix(".json").write_text("{}")
    put(folder / "whole.safetensors", "whole")
    cards, errors = read_cards()
    assert [card.name for card in cards] == ["bundled", "whole"]
    assert [type(error) for error in errors] == [CheckpointError]


def test_parameters_are_counted_without_reading_them(tmp_path: Path) -> None:
    path = find_model("bundled")
    assert count_parameters(path) == sum(t.numel() for t in load_file(path).values())
    bad = tmp_path / "bad.safetensors"
    for content in (b"", b"short", b"\xff" * 20, b"\x02" + 7 * b"\0" + b"[]", b"\x02" + 9 * b"\0"):
        bad.write_bytes(content)
        with pytest.raises(CheckpointError, match="not a readable safetensors file"):
            count_parameters(bad)


def test_models_are_found_without_torch(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from aiida_hpaint.science.diffusion.models.library import find_model, list_models\n"
        "find_model('bundled'); list_models()\n"
        "assert 'torch' not in {n.partition('.')[0] for n, m in sys.modules.items() if m}\n"
        "try: find_model('last.ckpt')\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "reading the checkpoint last.ckpt needs omegaconf, safetensors and torch" in done.stdout
