"""CIFs of restored crystals: the source's own block, and the same crystal for all who read it."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
import spglib
from gemmi import cif
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure
from whole_cells import find_largest_distance, read_small

from aiida_hpaint.science.structures import (
    HostError,
    StructureBatch,
    from_pymatgen,
    read_hosts,
    remove_inserted,
    to_pymatgen,
    write_cif,
)
from aiida_hpaint.science.structures.fixed_host import record_fixed_host
from aiida_hpaint.science.structures.writing.crystal import TOLERANCE
from aiida_hpaint.science.types import FloatArray

from .conftest import FILES, Crystal, make_crystal

Batches = Callable[..., st.SearchStrategy[StructureBatch]]

ROUNDED = 0.01
"""Distance in Å by which positions in the files are off their special positions."""


def test_all_programs_read_the_published_crystal(crystal: Crystal, tmp_path: Path) -> None:
    path = tmp_path / "restored.cif"
    text = write_cif(crystal.answer, path, host=crystal.host)
    assert find_largest_distance(text, crystal.answer) < ROUNDED
    ours = read_hosts(path)
    assert Counter(ours.numbers.tolist()) == Counter(crystal.answer.numbers.tolist())
    atoms = ase.io.read(path)
    assert Counter(atoms.numbers.tolist()) == Counter(crystal.answer.numbers.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structure = Structure.from_file(path)
        published = Structure.from_file(crystal.published)
    assert structure.composition == published.composition
    assert structure.distance_matrix.max() == pytest.approx(published.distance_matrix.max(), 1e-3)
    cells = [
        (one.cells[0], one.frac_coords, one.numbers)
        for one in (ours, read_hosts(crystal.published))
    ]
    numbers = [spglib.get_symmetry_dataset(cell, symprec=ROUNDED).number for cell in cells]
    assert numbers[0] == numbers[1]


def test_space_group_labels_and_metadata_are_those_of_the_source(crystal: Crystal) -> None:
    block = cif.read_string(write_cif(crystal.answer, host=crystal.host)).sole_block()
    source = cif.read(str(crystal.published)).sole_block()
    for item in source:
        if item.pair is not None:
            assert block.find_value(item.pair[0]) == item.pair[1]
    operations = "_space_group_symop_operation_xyz"
    assert list(block.find_values(operations)) == list(source.find_values(operations))
    names = ["_atom_site_label", *(f"_atom_site_fract_{axis}" for axis in "xyz")]
    before = [list(row) for row in source.find(names) if not re.match(r"H(?![a-z])", row[0])]
    assert [list(row) for row in block.find(names)][: len(before)] == before
    assert len(block.find(names)) == len(source.find(names))
    labels = list(block.find_values("_atom_site_label"))
    assert len(set(labels)) == len(labels)


def test_data_names_with_dots_are_written_as_all_programs_read_them(tmp_path: Path) -> None:
    plain = (FILES / "Brucite_07912.cif").read_text("utf-8")
    dotted = re.sub(r"(?m)^(_(?:atom_site|cell|space_group_symop))_", r"\1.", plain)
    (tmp_path / "dotted.cif").write_text(dotted + "\n_note\n;\n_cell.length_a in a text\n;\n")
    crystal = make_crystal(tmp_path / "dotted.cif", tmp_path)
    text = write_cif(crystal.answer, tmp_path / "restored.cif", host=crystal.host)
    assert "Data names with a dot" in text
    assert "_cell.length_a in a text" in text
    assert find_largest_distance(text, crystal.answer) < ROUNDED
    for structure in (
        ase.io.read(tmp_path / "restored.cif"),
        read_hosts(tmp_path / "restored.cif"),
    ):
        assert sorted(structure.numbers) == [1, 1, 8, 8, 12]
    assert Structure.from_file(tmp_path / "restored.cif").composition.formula == "Mg1 H2 O2"


def test_inserted_sites_are_next_to_the_listed_site_that_carries_them(crystal: Crystal) -> None:
    block = cif.read_string(write_cif(crystal.answer, host=crystal.host)).sole_block()
    small = read_small(block.as_string())
    places = {site.label: small.cell.orthogonalize(site.fract) for site in small.sites}
    flags = block.find(
        ["_atom_site_label", "_atom_site_calc_flag", "_atom_site_calc_attached_atom"]
    )
    inserted = [row for row in flags if row[1] == "c"]
    assert inserted
    for label, _, parent in inserted:
        assert label.startswith("H")
        assert 0.6 < places[label].dist(places[parent]) < 1.3
    bonds = block.find(["_geom_bond_atom_site_label_2", "_geom_bond_distance"])
    assert {row[0] for row in bonds} == {row[0] for row in inserted}


def test_multiplicities_are_those_of_gemmi(crystal: Crystal) -> None:
    text = write_cif(crystal.answer, host=crystal.host)
    counts = Counter(site.label for site in read_small(text).get_all_unit_cell_sites())
    table = (
        cif.read_string(text)
        .sole_block()
        .find(["_atom_site_label", "_atom_site_site_symmetry_multiplicity"])
    )
    assert {row[0]: int(row[1]) for row in table} == counts


def test_the_origin_does_not_drift(brucite_crystal: Crystal) -> None:
    drifted = brucite_crystal.answer.frac_coords + np.array([0.31, -0.12, 0.44])
    answer = brucite_crystal.answer.with_coords(drifted)
    text = write_cif(answer, host=brucite_crystal.host, version="relaxed")
    row = next(iter(cif.read_string(text).sole_block().find("_atom_site_", ["label", "fract_x"])))
    assert (row[0], float(row[1])) == ("Mg", 0.0)
    assert find_largest_distance(text, brucite_crystal.answer) < ROUNDED


def test_a_relaxed_host_has_its_displacements(brucite_crystal: Crystal) -> None:
    coords = brucite_crystal.answer.frac_coords.copy()
    coords[1:3, 2] += np.array([0.01, -0.01])
    answer = brucite_crystal.answer.with_coords(coords)
    block = cif.read_string(
        write_cif(answer, host=brucite_crystal.host, version="relaxed")
    ).sole_block()
    moved = {
        row[0]: float(row[1])
        for row in block.find("_aiida_hpaint_", ["displacement_label", "displacement"])
    }
    height = np.linalg.norm(answer.cells[0][2])
    assert moved == {"Mg": 0.0, "O": pytest.approx(0.01 * height, abs=1e-4)}
    assert set(block.find_values("_atom_site_calc_flag")) == {"c"}
    as_measured = write_cif(answer, host=brucite_crystal.host)
    assert "displacement" not in as_measured
    z = [
        float(row[0])
        for row in cif.read_string(as_measured).sole_block().find(["_atom_site_fract_z"])
    ]
    published = brucite_crystal.answer.frac_coords
    assert z[:2] == [0.0, published[1, 2]]
    assert z[2] == pytest.approx(published[3, 2] - 0.01, abs=1e-5)  # moved back with its parent


def test_a_broken_symmetry_gives_the_subgroup_and_the_reason(brucite_crystal: Crystal) -> None:
    coords = brucite_crystal.answer.frac_coords.copy()
    coords[3, 0] += 0.15
    answer = brucite_crystal.answer.with_coords(coords)
    text = write_cif(answer, host=brucite_crystal.host)
    block = cif.read_string(text).sole_block()
    assert find_largest_distance(text, answer) < ROUNDED
    assert block.find_value("_space_group_IT_number") in ("8", "1")
    assert len(block.find_values("_space_group_symop_operation_xyz")) < 12
    labels = [cif.as_string(label) for label in block.find_values("_atom_site_label")]
    assert labels[:3] == ["Mg", "O", "O_2"]
    notes = " ".join(
        " ".join(text.split()) for text in block.find_values("_aiida_hpaint_note_text")
    )
    assert "Space group reduced from P -3 m 1 (No. 164) to" in notes


@given(data=st.data())
def test_any_displacement_of_hydrogen_expands_to_the_same_cell(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(path.name for path in FILES.glob("[BSU]*.cif"))))
    crystal = make_crystal(FILES / name, tmp_path_factory.mktemp("h"))
    count = int(crystal.host.insert_counts[0])
    some = data.draw(st.lists(st.integers(1, count), unique=True, max_size=count))
    vectors = st.lists(st.floats(-0.4, 0.4), min_size=3, max_size=3)
    shifts = np.zeros_like(crystal.answer.frac_coords)
    for index in some:
        shifts[-index] = data.draw(vectors)
    moved = crystal.answer.frac_coords + shifts @ np.linalg.inv(crystal.answer.cells[0])
    answer = crystal.answer.with_coords(moved)
    for version in ("inserted", "relaxed"):
        text = write_cif(answer, host=crystal.host, version=version)
        # Equivalent sites are averaged where they are this close.
        assert find_largest_distance(text, answer) < TOLERANCE


def test_a_host_without_text_gets_its_own_symmetry(crystal: Crystal, tmp_path: Path) -> None:
    bare = from_pymatgen(to_pymatgen(remove_inserted(crystal.host)))
    host = StructureBatch(
        labels=("no source",),
        cells=bare.cells,
        site_counts=crystal.host.site_counts,
        numbers=crystal.host.numbers,
        frac_coords=crystal.host.frac_coords,
        inserted=crystal.host.inserted,
    )
    text = write_cif(crystal.answer, tmp_path / "new.cif", host=host)
    assert find_largest_distance(text, crystal.answer) < ROUNDED
    block = cif.read_string(text).sole_block()
    flags = block.find_values("_atom_site_calc_flag")
    assert set(flags) == {"?", "c"}
    read = read_hosts(tmp_path / "new.cif")
    assert Counter(read.numbers.tolist()) == Counter(crystal.answer.numbers.tolist())


def test_a_host_that_lost_its_source_says_so(brucite_crystal: Crystal) -> None:
    metadata = {**brucite_crystal.host.metadata[0], "site_labels": ["Mg"]}
    host = StructureBatch(
        **{
            name: getattr(brucite_crystal.host, name)
            for name in ("labels", "cells", "site_counts", "numbers", "frac_coords", "inserted")
        },
        metadata=(metadata,),
    )
    text = write_cif(brucite_crystal.answer, host=host)
    assert "labels of the source were lost" in text
    assert find_largest_distance(text, brucite_crystal.answer) < ROUNDED


@given(data=st.data())
def test_coordinates_of_any_batch_come_back(batches: Batches, data: st.DataObject) -> None:
    one = data.draw(batches(placed=True, max_size=1))
    text = write_cif(one)
    assert text.isascii()
    block = cif.read_string(text).sole_block()
    flags = Counter(block.find_values("_atom_site_calc_flag"))
    assert flags["c"] + flags["?"] == len(block.find_values("_atom_site_label"))
    labels = list(block.find_values("_atom_site_label"))
    assert len(set(labels)) == len(labels)


def test_scalars_and_labels_are_written(rock_salt: StructureBatch) -> None:
    batch = rock_salt.with_scalars(energy=[-1.5], status=["it's\nconverged"])
    block = cif.read_string(write_cif(batch)).sole_block()
    assert block.find_value("_aiida_hpaint_energy") == "-1.5"
    assert cif.as_string(block.find_value("_aiida_hpaint_status")) == "it's converged"


def test_only_a_single_placed_structure_is_written(rock_salt: StructureBatch) -> None:
    with pytest.raises(ValueError, match="2 structures: write them one at a time"):
        write_cif(rock_salt[[0, 0]])
    coords = rock_salt.frac_coords.copy()
    coords[7] = np.nan
    with pytest.raises(HostError, match=r"MgO, site 8 \(O\): it has no position yet"):
        write_cif(rock_salt.with_coords(coords))


def test_the_host_has_to_be_the_right_one(
    rock_salt: StructureBatch, brucite: StructureBatch
) -> None:
    with pytest.raises(ValueError, match="host sites are not those of the host brucite"):
        write_cif(rock_salt, host=brucite)


def record_coords(answer: StructureBatch, coords: FloatArray) -> StructureBatch:
    """Return an answer whose inserted sites were elsewhere while its host was fixed."""
    before = answer.with_coords(coords).with_scalars(
        status=["converged"], energy=[-1.0], max_force=[0.01]
    )
    return replace(answer, metadata=record_fixed_host(before).metadata)


def test_hydrogen_is_where_it_was_in_the_fixed_host(brucite_crystal: Crystal) -> None:
    host, answer = brucite_crystal.host, brucite_crystal.answer
    coords = answer.frac_coords.copy()
    coords[3:, 2] += np.array([0.01, -0.01])
    text = write_cif(record_coords(answer, coords), host=host)
    assert read_small(text).sites[2].fract.z == pytest.approx(coords[3, 2], abs=1e-5)
    coords[3, 2] = 0.5
    moved = write_cif(record_coords(answer, coords), host=host)
    assert "H changed the atom that carries it" in moved
    assert read_small(moved).sites[2].fract.z == pytest.approx(answer.frac_coords[3, 2], abs=1e-5)
