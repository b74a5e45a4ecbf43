"""Inputs of Quantum ESPRESSO as people write them; ASE is the oracle for those it reads."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr

from aiida_hpaint.science.structures import HostError, IsotopeWarning, StructureBatch
from aiida_hpaint.science.structures.hosts import iter_hosts

A, C = 3.14979, 4.7702
CELL = np.array([[A, 0, 0], [-A / 2, A * 3**0.5 / 2, 0], [0, 0, C]])
FRACTIONAL = np.array([[0, 0, 0], [1 / 3, 2 / 3, 0.2203], [2 / 3, 1 / 3, 0.7797]])
POSITIONS = FRACTIONAL @ CELL
CELLDM = f"ibrav=4, celldm(1) = {A / Bohr:.12g}, celldm ( 3 ) = {C / A:.12g}"
VECTORS = "\n".join(" ".join(f"{x:.12f}" for x in row) for row in CELL)


def write(system: str, unit: str, rows: np.ndarray, more: str = "") -> str:
    """Write an input with the habits of the examples of Quantum ESPRESSO."""
    listed = zip(("Mg1", "Ow", "Ow"), rows, strict=True)
    atoms = "\n".join(f" {name} " + " ".join(f"{x:.12f}" for x in row) for name, row in listed)
    return f""" &control
    calculation = 'scf' , pseudo_dir='/home/me/pseudo/' ! a comment with a = 3 /
 /
 &System
    {system}, nat=3  ntyp=2
    ecutwfc = 3.d1  ! Ry
 /
 &electrons
 /
ATOMIC_SPECIES
 Mg1 24.305 Mg.UPF
 Ow  15.999 O.UPF
ATOMIC_POSITIONS {unit}
{atoms}
K_POINTS automatic
 4 4 4 0 0 0
{more}
"""


def read(folder: Path, text: str, name: str = "brucite.in") -> StructureBatch:
    (folder / name).write_text(text, encoding="utf-8")
    (host,) = iter_hosts(folder / name)
    if isinstance(host, HostError):
        raise host
    return host


@pytest.mark.parametrize(
    ("system", "unit", "rows", "more"),
    [
        (CELLDM, "(alat)", POSITIONS / A, ""),
        (CELLDM, "crystal", FRACTIONAL, ""),
        (CELLDM, "{bohr}", POSITIONS / Bohr, ""),
        (f"ibrav = 4 A = {A}  C = {C}", "{ angstrom }", POSITIONS, ""),
        ("ibrav=0", "crystal", FRACTIONAL, f"CELL_PARAMETERS (angstrom)\n{VECTORS}"),
        (
            f"ibrav=0, celldm(1)={1 / Bohr:.12g}d0",
            "alat",
            POSITIONS,
            f"CELL_PARAMETERS alat\n{VECTORS}",
        ),
    ],
)
def test_lattices_and_units_are_those_of_pw(
    tmp_path: Path, system: str, unit: str, rows: np.ndarray, more: str
) -> None:
    host = read(tmp_path, write(system, unit, rows, more))
    plain = Atoms("MgO2", cell=CELL, scaled_positions=FRACTIONAL, pbc=True)
    ase.io.write(
        tmp_path / "plain.pwi",
        plain,
        format="espresso-in",
        pseudopotentials={"Mg": "Mg.UPF", "O": "O.UPF"},
    )
    expected = ase.io.read(tmp_path / "plain.pwi")
    np.testing.assert_array_equal(host.numbers, expected.numbers)
    np.testing.assert_allclose(host.cells[0], np.array(expected.cell), atol=1e-7)
    np.testing.assert_allclose(host.cart_coords, expected.positions, atol=1e-7)
    assert host.metadata[0]["source"] == "brucite.in"


def test_the_first_vectors_of_lattice_minus_9_are_in_the_order_of_pw(tmp_path: Path) -> None:
    # latgen.f90 of Quantum ESPRESSO: a1 = (a/2, -b/2, 0), a2 = (a/2, b/2, 0).
    cell = np.array([[3.0, -4.0, 0], [3.0, 4.0, 0], [0, 0, 5.0]])
    for unit, rows in (("crystal", FRACTIONAL), ("angstrom", FRACTIONAL @ cell)):
        host = read(tmp_path, write("ibrav=-9, A=6, B=8, C=5", unit, rows))
        np.testing.assert_allclose(host.cells[0], cell, atol=1e-9)
        np.testing.assert_allclose(host.cart_coords, FRACTIONAL @ cell, atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.000000000000", "-1.2e-05"),
        ("0.000000000000", "-0.0000120"),
        ("0.000000000000", "-12/10^6"),
        ("crystal", "{crystal} # from a relaxation"),
        ("crystal", "'crystal'"),
        (" /\n &electrons\n /\n", " /\n"),
        ("Ow", "Os_a"),
        ("    ecutwfc = 3.d1  ! Ry\n /", "    ecutwfc = 3.d1 /"),
        ("nat=3  ntyp=2\n    ecutwfc = 3.d1  ! Ry\n /", "ntyp=2 nat=3/"),
    ],
)
def test_habits_of_files_are_no_faults(tmp_path: Path, old: str, new: str) -> None:
    text = write(CELLDM, "crystal", FRACTIONAL)
    assert old in text
    host = read(tmp_path, text.replace(old, new))
    assert host.numbers.tolist() == [12, 8, 8]
    expected = np.array(FRACTIONAL)
    expected[0] = -1.2e-05 if new.startswith("-") else 0
    np.testing.assert_allclose(host.cart_coords, expected @ CELL, atol=1e-7)


def test_a_mass_decides_what_the_name_of_a_species_leaves_open(tmp_path: Path) -> None:
    text = write(CELLDM, "crystal", FRACTIONAL)
    host = read(tmp_path, text.replace("Ow", "Os"))
    assert host.numbers.tolist() == [12, 8, 8]
    host = read(tmp_path, text.replace("Ow", "Os").replace("15.999", "1.0"))
    assert host.numbers.tolist() == [12, 76, 76]
    with pytest.warns(IsotopeWarning, match="2 D are treated as H"):
        host = read(tmp_path, text.replace("Ow", "D").replace("15.999", "2.014"))
    assert host.numbers.tolist() == [12, 1, 1]
    assert host.metadata[0]["isotopes"] == {"D": 2}


def test_a_unit_that_is_not_given_is_said(tmp_path: Path) -> None:
    host = read(tmp_path, write(CELLDM, "", POSITIONS / A))
    np.testing.assert_allclose(host.cart_coords, POSITIONS, atol=1e-7)
    assert "names no unit: alat was taken" in " ".join(host.metadata[0]["notes"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("K_POINTS", "ATOMIC_POSITIONS crystal\nMg1 0 0 0\nK_POINTS", "images"),
        ("nat=3", "nat=4", "nat = 4, and lists 3"),
        ("celldm ( 3 ) = ", "celldm(3)=5/", "'5/1.5.*' is no number. Write decimal numbers"),
        ("nat=3", "nat=3, space_group=164", "asymmetric unit"),
        ("ibrav=4", "ibrav=5", "celldm"),
        ("0.220300000000", "nan", "coordinate 'nan' is no number"),
        ("0.220300000000", "sqrt(2)", r"'sqrt\(2\)' is no number and no expression that pw.x"),
        ("0.220300000000", "", "fewer than three coordinates: 'Ow"),
        ("ibrav=4", "ibrav=0", "ibrav = 0 and no CELL_PARAMETERS"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = write(CELLDM, "crystal", FRACTIONAL)
    assert old in text
    with pytest.raises(HostError, match=message):
        read(tmp_path, text.replace(old, new))
