from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation import PotentialError, get_potential, list_potentials
from aiida_hpaint.science.settings import PotentialSettings


def ask(name, model=None, device="cpu"):
    return get_potential(PotentialSettings(name=name, model=model, device=device, trust=True))


def test_the_list_says_what_is_there():
    known = {info.name: info for info in list_potentials()}
    assert {"sevennet-0", "sevennet-l3i5", "nequip", "chgnet", "mace", "mattersim"} <= set(known)
    assert known["nequip"].needs_file
    assert known["sevennet-0"].is_installed == (importlib.util.find_spec("sevenn") is not None)


def test_unknown_name():
    with pytest.raises(PotentialError, match=r"unknown potential 'sevenet-0'.*sevennet-0"):
        ask("sevenet-0")


def test_a_package_that_is_not_installed():
    missing = [info for info in list_potentials() if not info.is_installed]
    if not missing:
        pytest.skip("every potential is installed")
    with pytest.raises(PotentialError, match="not installed: pip install"):
        ask(missing[0].name)


@pytest.mark.parametrize(
    ("name", "model", "message"),
    [
        ("nequip", None, "needs a model file"),
        ("nequip", "nowhere.nequip.zip", "no model file 'nowhere.nequip.zip'"),
        ("sevennet", None, "needs a model file"),
        ("sevennet-0", "mine.pth", "takes no model file"),
    ],
)
def test_model_files_that_are_missing_or_unwanted(name, model, message):
    pytest.importorskip("sevenn" if name.startswith("sevennet") else name)
    with pytest.raises(PotentialError, match=message):
        ask(name, model)


@pytest.mark.parametrize(
    ("name", "file"),
    [("sevennet", "broken.pth"), ("nequip", "broken.nequip.zip"), ("nequip", "broken.nequip.pt2")],
)
def test_corrupt_model_files(name, file, tmp_path):
    pytest.importorskip("sevenn" if name.startswith("sevennet") else name)
    (tmp_path / file).write_bytes(b"not a model")
    with pytest.raises(PotentialError, match=file):
        ask(name, str(tmp_path / file))


def test_a_file_of_another_kind(tmp_path):
    pytest.importorskip("nequip")
    (tmp_path / "model.pth").write_bytes(b"x")
    with pytest.raises(PotentialError, match=r"not a \.nequip\.zip or \.nequip\.pt2 file"):
        ask("nequip", str(tmp_path / "model.pth"))


def test_no_cuda(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("sevenn")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(PotentialError, match="no CUDA device"):
        ask("sevennet-0", device="cuda")


def test_the_same_potential_is_loaded_once(sevennet):
    assert ask("sevennet-0") is sevennet


def test_the_card_names_the_model(sevennet):
    import sevenn._const as const

    path = Path(const.SEVENNET_0_11Jul2024)
    record = sevennet.card.as_json()
    assert record["model"] == path.name
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["package_version"]
    assert "H" in record["elements"]


def test_unknown_elements_are_named(sevennet):
    with pytest.raises(PotentialError, match="was not trained on Po, Og"):
        sevennet.card.check_elements(np.array([1, 84, 118, 84]))


def test_a_changed_file_is_hashed_again(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    before = hash_file(path)
    path.write_bytes(b"two, longer")
    assert hash_file(path) == hashlib.sha256(b"two, longer").hexdigest() != before
