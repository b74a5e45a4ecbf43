"""Files of answers whose cells relaxed: cell, space group and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spglib
from gemmi import cif
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice
from whole_cells import find_largest_distance

from aiida_hpaint.science.structures import StructureBatch, write_cif, write_restored
from aiida_hpaint.science.structures.cell_changes import measure_strain
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.relaxed_cell import (
    find_fitting_operations,
    make_cell_symmetric,
)

from .conftest import Crystal

HEXAGONAL = np.diag([1.02, 1.02, 0.95])
"""Strain that keeps the symmetry of brucite."""


def stretch(crystal: Crystal, strain: object) -> StructureBatch:
    """Return the answer in a strained cell, with the fractional coordinates as they were."""
    return replace(crystal.answer, cells=crystal.answer.cells @ np.asarray(strain))


def read_notes(block: cif.Block) -> str:
    texts = block.find_values("_aiida_hpaint_note_text")
    return " ".join(" ".join(cif.as_string(text).split()) for text in texts)


def read_cell(block: cif.Block) -> Lattice:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    return Lattice.from_parameters(*(cif.as_number(block.find_value(f"_cell_{n}")) for n in names))


def test_the_relaxed_file_has_the_relaxed_cell_and_says_so(brucite_crystal: Crystal) -> None:
    answer = stretch(brucite_crystal, HEXAGONAL)
    text = write_cif(answer, host=brucite_crystal.host, version="relaxed")
    block = cif.read_string(text).sole_block()
    before = Lattice(brucite_crystal.host.cells[0])
    cell = read_cell(block)
    np.testing.assert_allclose(cell.abc, np.array(before.abc) * [1.02, 1.02, 0.95], atol=1e-5)
    np.testing.assert_allclose(cell.angles, (90, 90, 120), atol=1e-5)
    assert block.find_value("_space_group_IT_number") == "164"
    assert find_largest_distance(text, answer) < 0.01
    notes = read_notes(block)
    assert f"The cell relaxed: a {before.a:.3f} -> {cell.a:.3f}" in notes
    assert "volume -1.2 %" in notes
    assert "Density and other values that follow from the cell are those of the source." in notes
    assert "reduced" not in notes
    assert "averaged over" not in notes
    record = cif.as_string(block.find_value("_audit_update_record"))
    assert "and the cell relaxed" in " ".join(record.split())
    # Strain alone displaces nothing.
    assert cif.as_number(block.find_value("_aiida_hpaint_displacement_max")) == 0


def test_the_host_as_measured_keeps_its_cell_and_the_bonds_their_length(
    brucite_crystal: Crystal,
) -> None:
    host, as_published = brucite_crystal.host, brucite_crystal.answer
    answer = stretch(brucite_crystal, HEXAGONAL)
    block = cif.read_string(write_cif(answer, host=host)).sole_block()
    source = cif.read(str(brucite_crystal.published)).sole_block()
    for name in ("length_a", "length_c", "angle_gamma", "volume"):
        assert block.find_value(f"_cell_{name}") == source.find_value(f"_cell_{name}")
    assert "The cell relaxed" not in read_notes(block)
    (length,) = (float(v) for v in block.find_values("_geom_bond_distance"))
    height = as_published.frac_coords[3, 2] - as_published.frac_coords[1, 2]
    assert length == pytest.approx(abs(height) * answer.cells[0][2, 2], abs=2e-3)


def test_noise_of_a_relaxed_cell_is_averaged_over_the_operations(brucite_crystal: Crystal) -> None:
    noisy = HEXAGONAL @ (np.eye(3) + 0.003 * np.array([[1, 0, 0], [0, -1, 0], [0.5, 0, 0]]))
    text = write_cif(stretch(brucite_crystal, noisy), host=brucite_crystal.host, version="relaxed")
    block = cif.read_string(text).sole_block()
    assert block.find_value("_space_group_IT_number") == "164"
    cell = read_cell(block)
    assert cell.a == pytest.approx(cell.b, abs=1e-6)
    assert cell.angles == pytest.approx((90, 90, 120), abs=1e-5)
    assert "relaxed cell were averaged over the operations" in read_notes(block)


def test_a_distorted_cell_loses_the_operations_that_do_not_fit(brucite_crystal: Crystal) -> None:
    sheared = HEXAGONAL @ np.array([[1.03, 0, 0], [0, 1, 0], [0, 0, 1]])
    text = write_cif(
        stretch(brucite_crystal, sheared), host=brucite_crystal.host, version="relaxed"
    )
    block = cif.read_string(text).sole_block()
    assert block.find_value("_space_group_IT_number") == "12"
    notes = read_notes(block)
    assert "reduced from P -3 m 1 (No. 164) to" in notes
    assert "8 of 12 operations change lengths of the relaxed cell by more than 1 %." in notes
    assert "farther than" not in notes


def test_all_formats_have_the_cell_of_their_version(
    brucite_crystal: Crystal, tmp_path: Path
) -> None:
    answer, host = stretch(brucite_crystal, HEXAGONAL), brucite_crystal.host
    formats = ("poscar", "extxyz", "json", "res")
    write_restored(answer, tmp_path, "brucite", host=host, formats=formats)
    volume = abs(np.linalg.det(host.cells[0]))
    for name, factor in (("brucite", 1.0), ("brucite_relaxed", np.linalg.det(HEXAGONAL))):
        poscar = (tmp_path / f"{name}.vasp").read_text().splitlines()
        cell = np.array([line.split() for line in poscar[2:5]], dtype=float)
        assert abs(np.linalg.det(cell)) == pytest.approx(volume * factor, rel=1e-6)
        shelx = (tmp_path / f"{name}.res").read_text().splitlines()
        values = next(line for line in shelx if line.startswith("CELL")).split()[2:]
        lattice = Lattice.from_parameters(*map(float, values))
        assert lattice.volume == pytest.approx(volume * factor, rel=1e-4)


@given(st.integers(0, 10_000))
def test_the_symmetric_cell_is_an_isometry_of_its_group_and_near(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.diag([4.0, 4.0, 5.0])
    group = SymmetryOperations.find(cell, np.array([1]), np.zeros((1, 3)), 1e-3)
    strained = cell @ (np.eye(3) + rng.uniform(-0.002, 0.002, (3, 3)))
    operations = SymmetryOperations(strained, group.rotations, group.translations)
    assert len(group) == 16
    assert find_fitting_operations(operations).all()
    exact = make_cell_symmetric(operations)
    found = spglib.get_symmetry((exact, np.zeros((1, 3)), [1]), symprec=1e-8)
    assert len(found["rotations"]) == 16
    assert measure_strain(strained, exact) <= 0.006
    np.testing.assert_allclose(make_cell_symmetric(replace(operations, cell=exact)), exact)
