"""Untrusted files run no code, do not exhaust the memory, and write nothing elsewhere."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.relaxation.potentials import (
    PotentialError,
    get_potential,
    list_potentials,
)
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.structures import HostError, StructureBatch, read_hosts
from aiida_hpaint.science.structures.archives import check_npz
from aiida_hpaint.science.structures.npz import load_npz, save_npz

FILES = {
    "grace": "m.tar.gz",
    "mace": "m.model",
    "mattersim": "m.pth",
    "nequip": "m.nequip.zip",
    "nequix": "m.nqx",
    "pet": "m.ckpt",
    "sevennet": "m.pth",
}


class Bomb:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.write_text, (self.path, "it ran"))


@pytest.mark.parametrize("protocol", range(6))
def test_the_bomb_explodes(protocol: int, tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran"), protocol=protocol))
    assert (tmp_path / "ran").exists()


def test_every_potential_that_needs_a_file_is_tested() -> None:
    assert {info.name for info in list_potentials() if info.needs_file} == set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_model_files_run_nothing_unless_they_are_trusted(name: str, tmp_path: Path) -> None:
    path = tmp_path / FILES[name]
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    settings = PotentialSettings(name=name, model=str(path), device="cpu")
    known = {info.name: info for info in list_potentials()}
    with pytest.raises(PotentialError) as refused:
        get_potential(settings)
    if known[name].is_installed:
        assert "--set potential.trust=true" in str(refused.value)
        assert str(path) in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_nothing_is_submitted_with_a_model_file_that_is_not_trusted(tmp_path: Path) -> None:
    from aiida_hpaint.calculations.identity import identify_relaxation

    (tmp_path / "m.pth").write_bytes(b"weights")
    for path in (tmp_path / "m.pth", "elsewhere.pth"):
        settings = PotentialSettings(name="sevennet", model=str(path))
        with pytest.raises(ValueError, match=r"potential\.trust=true"):
            identify_relaxation(settings, local=False)


@pytest.mark.parametrize(
    "suffix", ["cif", "extxyz", "npz", "vasp", "traj", "json", "db", "pkl", "xyz", "gpw", "bundle"]
)
def test_hosts_that_are_pickles_run_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"host.{suffix}"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "ran"), protocol=2))
    with pytest.raises(HostError):
        read_hosts(path)
    np.save(tmp_path / "array.npy", np.array([Bomb(tmp_path / "ran")], dtype=object))
    path.write_bytes((tmp_path / "array.npy").read_bytes())
    with pytest.raises(HostError):
        read_hosts(path)
    assert not (tmp_path / "ran").exists()


def test_pickles_within_an_archive_are_not_read(tmp_path: Path, brucite: StructureBatch) -> None:
    save_npz(brucite, tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as file:
        arrays = dict(file)
    for name in arrays:
        bad = arrays | {name: np.array([Bomb(tmp_path / "ran")], dtype=object)}
        np.savez(tmp_path / "bad.npz", **bad)
        with pytest.raises(HostError):
            read_hosts(tmp_path / "bad.npz")
    assert not (tmp_path / "ran").exists()


def test_an_array_that_claims_to_be_huge_is_refused(
    tmp_path: Path, brucite: StructureBatch
) -> None:
    save_npz(brucite, tmp_path / "good.npz")
    for shape, dtype in (((10**15,), "<f8"), ((3,), "<U100000000"), ((10**9, 10**9), "<f8")):
        replace_cells(tmp_path / "good.npz", tmp_path / "bad.npz", header(shape, dtype))
        with pytest.raises(ValueError, match="is too short"):
            load_npz(tmp_path / "bad.npz")
        with pytest.raises(HostError, match="no batch of structures"):
            read_hosts(tmp_path / "bad.npz")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", cells=np.zeros(2**18))
    assert (tmp_path / "zeros.npz").stat().st_size < 2**14
    check_npz(tmp_path / "zeros.npz")
    with pytest.raises(ValueError, match=r"more than the limit of .* GiB: split it"):
        check_npz(tmp_path / "zeros.npz", limit=2**20)


def test_names_within_an_archive_lead_nowhere(tmp_path: Path, brucite: StructureBatch) -> None:
    save_npz(brucite, tmp_path / "good.npz")
    with zipfile.ZipFile(tmp_path / "good.npz", "a") as archive:
        archive.writestr("../../up.npy", header((0,), "<f8"))
        archive.writestr("/etc/up.npy", header((0,), "<f8"))
    before = sorted(tmp_path.parent.rglob("*"))
    assert read_hosts(tmp_path / "good.npz").labels == brucite.labels
    assert sorted(tmp_path.parent.rglob("*")) == before


def header(shape: tuple[int, ...], dtype: str) -> bytes:
    stream = io.BytesIO()
    fields = {"shape": shape, "fortran_order": False, "descr": dtype}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


def replace_cells(source: Path, target: Path, content: bytes) -> None:
    """Write an archive with another array of cells."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == "cells.npy" else old.read(name))
