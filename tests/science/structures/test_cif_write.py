"""CIFs of results: exact for us, valid for others, inserted sites marked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure
from pymatgen.io.cif import CifFile

from aiida_hpaint.science.structures import (
    HostError,
    StructureBatch,
    read_hosts,
    remove_sites,
    to_pymatgen,
    write_cif,
)

Batches = Callable[..., st.SearchStrategy[StructureBatch]]


@pytest.mark.parametrize("name", ["brucite", "lithium_perchlorate_trihydrate", "diaspore"])
def test_others_read_the_same_crystal(tmp_path: Path, examples: Path, name: str) -> None:
    _, reference = remove_sites(read_hosts(examples / "references" / f"{name}.cif"))
    write_cif(reference, tmp_path / "out.cif")
    expected = to_pymatgen(reference)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Structure.from_file(tmp_path / "out.cif").matches(expected)
    atoms = ase.io.read(tmp_path / "out.cif")
    assert np.array_equal(atoms.numbers, reference.numbers)
    apart = atoms.get_scaled_positions(wrap=False) - reference.frac_coords
    assert apart - np.round(apart) == pytest.approx(0.0, abs=1e-9)


@given(data=st.data())
def test_coordinates_are_written_with_all_digits(
    tmp_path_factory: pytest.TempPathFactory, batches: Batches, data: st.DataObject
) -> None:
    one = data.draw(batches(placed=True, max_size=1))
    text = write_cif(one)
    assert text.isascii()
    (block,) = CifFile.from_str(text).data.values()
    columns = [block[f"_atom_site_fract_{axis}"] for axis in "xyz"]
    assert np.array(columns, dtype=float).T.tolist() == one.frac_coords.tolist()
    flags = ["c" if flag else "d" for flag in one.inserted]
    assert block["_atom_site_calc_flag"] == flags
    labels = block["_atom_site_label"]
    assert [label.endswith("i") for label in labels] == one.inserted.tolist()
    assert len(set(labels)) == len(labels)


def test_our_own_reader_gives_it_back(tmp_path: Path, examples: Path) -> None:
    _, reference = remove_sites(read_hosts(examples / "references" / "diaspore.cif"))
    write_cif(reference, tmp_path / "out.cif")
    read = read_hosts(tmp_path / "out.cif")
    assert np.array_equal(read.frac_coords, reference.frac_coords)
    assert read.cells == pytest.approx(reference.cells, rel=1e-12)
    assert read.metadata[0]["formula"] == "Al H O2"
    assert read.metadata[0]["units"] == "4"


def test_scalars_and_labels_are_told(rock_salt: StructureBatch) -> None:
    batch = rock_salt.with_scalars(energy=[-1.5], status=["it's\nconverged"])
    text = write_cif(batch)
    assert "_aiida_hpaint_energy -1.5" in text
    assert "_aiida_hpaint_status 'it s converged'" in text
    assert text.startswith("# 0 inserted sites")


def test_only_a_single_placed_structure_is_written(rock_salt: StructureBatch) -> None:
    with pytest.raises(ValueError, match="2 structures: write them one at a time"):
        write_cif(rock_salt[[0, 0]])
    coords = rock_salt.frac_coords.copy()
    coords[7] = np.nan
    with pytest.raises(HostError, match=r"MgO, site 8 \(O\): it has no position yet"):
        write_cif(rock_salt.with_coords(coords))
