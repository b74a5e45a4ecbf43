"""The npz file: exact, without pickles."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import StructureBatch, load_npz, save_npz

Batches = Callable[..., st.SearchStrategy[StructureBatch]]


@given(data=st.data())
def test_a_round_trip_is_exact(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    file = io.BytesIO()
    save_npz(batch, file)
    file.seek(0)
    read = load_npz(file)
    assert read.equals(batch)
    assert {n: v.dtype for n, v in read.scalars.items()} == {
        n: v.dtype for n, v in batch.scalars.items()
    }


def test_files_go_by_the_name_given(tmp_path: Path, rock_salt: StructureBatch) -> None:
    save_npz(rock_salt, tmp_path / "batch.data")
    assert load_npz(str(tmp_path / "batch.data")).equals(rock_salt)
    save_npz(rock_salt[[]], tmp_path / "empty.npz")
    assert len(load_npz(tmp_path / "empty.npz")) == 0


def test_no_array_in_the_file_is_an_object(tmp_path: Path, rock_salt: StructureBatch) -> None:
    save_npz(rock_salt.with_scalars(status=["sampled"]), tmp_path / "batch.npz")
    with np.load(tmp_path / "batch.npz", allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= set("fibU")


def test_objects_are_neither_written_nor_read(tmp_path: Path, rock_salt: StructureBatch) -> None:
    with pytest.raises(ValueError, match=r"scalar 'what' has type object"):
        save_npz(rock_salt.with_scalars(what=np.array([{}])), tmp_path / "batch.npz")
    np.savez(tmp_path / "bad.npz", labels=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="holds no StructureBatch"):
        load_npz(tmp_path / "bad.npz")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_npz(tmp_path / "pickle.npy")


def test_a_bare_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match="bare array"):
        load_npz(tmp_path / "array.npy")


def test_another_version_is_refused(
    tmp_path: Path, rock_salt: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiida_hpaint.science.structures.npz.FORMAT_VERSION", 2)
    save_npz(rock_salt, tmp_path / "batch.npz")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 2, this version reads 1"):
        load_npz(tmp_path / "batch.npz")


def test_a_label_that_numpy_would_shorten_is_refused(
    tmp_path: Path, rock_salt: StructureBatch
) -> None:
    batch = StructureBatch(
        ("a\0",),
        rock_salt.cells,
        rock_salt.site_counts,
        rock_salt.numbers,
        rock_salt.frac_coords,
        rock_salt.inserted,
    )
    with pytest.raises(ValueError, match="NUL"):
        save_npz(batch, tmp_path / "batch.npz")


def test_metadata_that_are_no_json_are_refused(tmp_path: Path, rock_salt: StructureBatch) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_npz(rock_salt.with_history({"model": object()}), tmp_path / "batch.npz")
