"""Extended XYZ: exact for us, readable by ASE, reading what ASE and others write."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import (
    HostError,
    IsotopeWarning,
    StructureBatch,
    read_extxyz,
    write_extxyz,
)
from aiida_hpaint.science.structures.extxyz import iter_extxyz

Batches = Callable[..., st.SearchStrategy[StructureBatch]]


def text_of(batch: StructureBatch) -> str:
    file = io.StringIO()
    write_extxyz(batch, file)
    return file.getvalue()


@given(data=st.data())
def test_a_round_trip_is_exact(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    assert read_extxyz(io.StringIO(text_of(batch))).equals(batch)


@given(data=st.data())
def test_ase_reads_the_same_structures(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    frames = ase.io.read(io.StringIO(text_of(batch)), index=":", format="extxyz")
    for one, atoms in zip(batch, frames, strict=True):
        assert np.array_equal(atoms.numbers, one.numbers)
        assert np.array_equal(atoms.cell.array, one.cells[0])
        assert np.array_equal(atoms.positions, one.cart_coords, equal_nan=True)
        assert np.array_equal(atoms.arrays["frac_coords"], one.frac_coords, equal_nan=True)
        assert np.array_equal(atoms.arrays["inserted"], one.inserted)
        assert atoms.info["hpaint"]["label"] == one.labels[0]
        assert atoms.pbc.all()


def test_energies_are_what_ase_says(rock_salt: StructureBatch) -> None:
    batch = rock_salt.with_scalars(energy=[-12.25], status=["converged"])
    atoms = ase.io.read(io.StringIO(text_of(batch)), format="extxyz")
    assert atoms.get_potential_energy() == -12.25
    assert atoms.info["status"] == "converged"
    assert atoms.info["label"] == "MgO"


def test_history_stands_in_the_file_once(rock_salt: StructureBatch) -> None:
    batch = rock_salt[[0, 0, 0]].with_history({"stage": "sample"})
    assert text_of(batch).count("sample") == 1


def test_what_ase_writes_is_read(tmp_path: Path) -> None:
    frames = [bulk("MgO", "rocksalt", a=4.2), bulk("Fe", "bcc", a=2.87, cubic=True)]
    frames[0].info.update(material_id="mp-1265", spin=[1.5, 2.0])
    ase.io.write(tmp_path / "foreign.extxyz", frames)
    batch = read_extxyz(tmp_path / "foreign.extxyz")
    assert batch.labels == ("mp-1265", "Fe")
    assert batch.metadata[0]["spin"] == [1.5, 2.0]
    assert batch.metadata[0]["material_id"] == "mp-1265"
    assert not batch.inserted.any()
    assert not batch.scalars
    for one, atoms in zip(batch, frames, strict=True):
        assert one.cart_coords == pytest.approx(atoms.positions, abs=1e-7)
        assert one.frac_coords == pytest.approx(atoms.get_scaled_positions(wrap=False), abs=1e-8)


def test_through_ase_and_back_the_marks_survive(tmp_path: Path, rock_salt: StructureBatch) -> None:
    write_extxyz(rock_salt, tmp_path / "ours.extxyz")
    ase.io.write(tmp_path / "theirs.extxyz", ase.io.read(tmp_path / "ours.extxyz"))
    batch = read_extxyz(tmp_path / "theirs.extxyz")
    assert batch.labels == rock_salt.labels
    assert np.array_equal(batch.inserted, rock_salt.inserted)
    assert batch.frac_coords == pytest.approx(rock_salt.frac_coords, abs=1e-7)


def test_positions_that_were_moved_win_over_old_fractions(
    tmp_path: Path, rock_salt: StructureBatch
) -> None:
    write_extxyz(rock_salt, tmp_path / "ours.extxyz")
    atoms = ase.io.read(tmp_path / "ours.extxyz")
    atoms.positions[3] += 0.42
    ase.io.write(tmp_path / "moved.extxyz", atoms)
    moved = read_extxyz(tmp_path / "moved.extxyz").frac_coords - rock_salt.frac_coords
    assert moved[3] == pytest.approx([0.1] * 3)
    assert np.delete(moved, 3, axis=0) == pytest.approx(0.0)


def test_deuterium_is_read_as_hydrogen_and_said(files: Path) -> None:
    with pytest.warns(IsotopeWarning, match="deuteride: 2 D are treated as H"):
        batch = read_extxyz(files / "deuterium.extxyz")
    assert batch.numbers.tolist() == [3, 1, 3, 1]
    assert batch.metadata[0]["isotopes"] == {"D": 2}


def test_columns_in_any_order_and_atomic_numbers() -> None:
    frame = (
        '2\nProperties=forces:R:3:Z:I:1:pos:R:3:charge:R:1 Lattice="3 0 0 1 3 0 0 0 3" label=x\n'
        "0 0 0 12 0.5 0.5 0.5 1\n0 0 0 8 2.0 1.5 1.5 -1\n"
    )
    batch = read_extxyz(io.StringIO(frame))
    assert batch.numbers.tolist() == [12, 8]
    assert batch.cells[0].tolist() == [[3, 0, 0], [1, 3, 0], [0, 0, 3]]
    assert batch.cart_coords == pytest.approx(np.array([[0.5] * 3, [2.0, 1.5, 1.5]]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_cell.xyz", r'no_cell.xyz, frame 1: it has no cell. Add Lattice="'),
        ("dummy.extxyz", r"dummy.extxyz, frame 1, site 2 \(X\): it is no element"),
        ("cut_off.extxyz", r"cut_off.extxyz, frame 2: it says 3 sites and lists 1. Complete"),
    ],
)
def test_damaged_frames_are_named(files: Path, name: str, message: str) -> None:
    with pytest.raises(HostError, match=message):
        read_extxyz(files / name)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("two\n\nMg 0 0 0\n", "it starts with 'two'"),
        ('1\nLattice="3 0 0 0 3 0" \nMg 0 0 0\n', "it cannot be read"),
        ('1\nLattice="3 0 0 0 3 0 0 0 3"\nMg 0 zero 0\n', "it cannot be read"),
        ('1\nLattice="3 0 0 0 3 0 0 0 3"\nMg 0 0\n', "it cannot be read"),
        ('1\nLattice="3 0 0 0 3 0 0 0 3" Properties=pos:R:3\n0 0 0\n', "lacks species"),
        ('1\nLattice="3 0 0 0 3 0 0 0 0"\nMg 0 0 0\n', "zero volume"),
        ('1\nLattice="3 0 0 0 3 0 0 0 3" pbc="T T F"\nMg 0 0 0\n', "periodic in"),
    ],
)
def test_what_cannot_be_read_is_said(frame: str, message: str) -> None:
    with pytest.raises(HostError, match=f"the file, frame 1: .*{message}"):
        read_extxyz(io.StringIO(frame))


def test_good_frames_beside_bad_ones_are_read(files: Path) -> None:
    bad, good = iter_extxyz(files / "dummy.extxyz")
    assert isinstance(bad, HostError)
    assert isinstance(good, StructureBatch)
    assert good.labels == ("good-one",)
    assert good.metadata[0]["energy"] == -11.5


def test_an_empty_file_is_an_error() -> None:
    with pytest.raises(ValueError, match="holds no structures"):
        read_extxyz(io.StringIO("\n\n"))
