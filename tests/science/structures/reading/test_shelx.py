"""SHELX files: gemmi's groups are the oracle for LATT and SYMM, the manual for the codes."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.reading import expand_record, read_records
from aiida_hpaint.science.structures.reading.operations import from_gemmi, same_operations
from aiida_hpaint.science.structures.records import Record

HEAD = """TITL brucite
CELL 0.71 3.14979 3.14979 4.7702 90 90 120
ZERR 1 0 0 0 0 0 0
LATT 1
SYMM -Y,X-Y,Z
SYMM -X+Y,-X,Z
SYMM Y,X,-Z
SYMM X-Y,-Y,-Z
SYMM -X,-X+Y,-Z
SFAC MG O H
UNIT 1 2 2
FVAR 0.5 0.7
"""
ATOMS = """Mg1 1 0 0 0 10.08333 0.01
O1 2 0.333333 0.666667 0.2203 10.16667 0.01 0.02 =
   0.01 0.02 0.03 0.04
"""
LATTICES = {"P": 1, "I": 2, "R": 3, "F": 4, "A": 5, "B": 6, "C": 7}
CELLS = {
    "triclinic": "5 6 7 80 95 100",
    "monoclinic": "5 6 7 90 105 90",
    "orthorhombic": "5 6 7 90 90 90",
    "tetragonal": "5 5 7 90 90 90",
    "trigonal": "5 5 7 90 90 120",
    "hexagonal": "5 5 7 90 90 120",
    "cubic": "5 5 5 90 90 90",
}


def read(folder: Path, text: str, name: str = "x.res") -> Record:
    (folder / name).write_text(text, encoding="utf-8")
    (record,) = read_records(folder / name)
    if isinstance(record, HostError):
        raise record
    return record


def write_symmetry(group: gemmi.SpaceGroup) -> str:
    """Write LATT and SYMM as SHELX wants them: without centring, inversion and identity."""
    listed, known = [], {"x,y,z", "-x,-y,-z"}
    operations = group.operations()
    is_centric = operations.is_centrosymmetric() and any(
        op.triplet() == "-x,-y,-z" for op in operations.sym_ops
    )
    for operation in operations.sym_ops:
        if operation.triplet() in known:
            continue
        listed.append(f"SYMM {operation.triplet().upper()}")
        known.add(operation.triplet())
        if is_centric:
            known.add((operation * gemmi.Op("-x,-y,-z")).wrap().triplet())
    sign = "" if is_centric else "-"
    return "\n".join([f"LATT {sign}{LATTICES[group.centring_type()]}", *listed])


@pytest.mark.parametrize(
    "group",
    [g for g in gemmi.spacegroup_table_itb() if g.is_reference_setting()],
    ids=lambda group: group.xhm(),
)
def test_all_groups_come_out_whole(group: gemmi.SpaceGroup, tmp_path: Path) -> None:
    lines = [
        f"CELL 0.71 {CELLS[group.crystal_system_str()]}",
        write_symmetry(group),
        "SFAC C",
        "C1 1 0.1237 0.3141 0.0619 11.0 0.05",
        "END",
    ]
    record = read(tmp_path, "\n".join(lines))
    assert same_operations(record.operations, from_gemmi(record.cell, group.operations()))
    assert len(expand_record(record).numbers) == len(group.operations())


def test_atoms_codes_and_formula(tmp_path: Path) -> None:
    record = read(tmp_path, f"{HEAD}{ATOMS}HKLF 4\nEND\nQ1 1 0.1 0.1 0.1 11.0 0.05 1.2\n")
    assert [site.label for site in record.sites] == ["Mg1", "O1"]
    assert [site.occupancy for site in record.sites] == [1.0, 1.0]
    assert record.formulas["sum"] == "Mg1 O2 H2"
    assert record.units == 1
    assert record.format == "shelx"
    assert record.text.startswith("TITL brucite")
    assert expand_record(record).numbers.tolist() == [12, 8, 8]


def test_files_without_hydrogen_say_nothing_of_it(tmp_path: Path) -> None:
    text = HEAD.replace("SFAC MG O H", "SFAC MG O").replace("UNIT 1 2 2", "UNIT 1 2")
    assert read(tmp_path, text + ATOMS).formulas == {}


def test_free_variables_and_parts(tmp_path: Path) -> None:
    atoms = """PART 1
O1 2 0.1 0.3 0.3 21 0.05
PART 2
O2 2 0.12 0.33 0.3 -21 0.05
PART 0
O3 2 10.25 0.4 20.5 10.5 0.05
PART -1 10.5
O4 2 0.3 0.4 0.1 11.0 0.05
PART 0
"""
    sites = {site.label: site for site in read(tmp_path, HEAD + atoms).sites}
    assert sites["O1"].occupancy == pytest.approx(0.7)
    assert sites["O2"].occupancy == pytest.approx(0.3)
    assert (sites["O1"].assembly, sites["O1"].group) == ("2", "1")
    assert (sites["O2"].assembly, sites["O2"].group) == ("2", "2")
    assert sites["O3"].position == pytest.approx((0.25, 0.4, 0.35))
    assert (sites["O3"].occupancy, sites["O3"].group) == (0.5, "")
    assert (sites["O4"].occupancy, sites["O4"].group) == (0.5, "-1")


def test_full_codes_on_special_positions_are_noted(tmp_path: Path) -> None:
    record = read(tmp_path, HEAD + "Mg1 1 0 0 0 11.0 0.01\n")
    assert record.sites[0].occupancy == 1.0
    assert "special positions whose codes are those of general ones" in record.notes[0]


def test_what_is_no_atom_is_left_out(tmp_path: Path) -> None:
    more = """REM O7 2 0.1 0.2 0.3 11.0 0.05
 O8 2 0.1 0.2 0.3 11.0 0.05
! O9 2 0.1 0.2 0.3 11.0 0.05
FRAG 17
O10 2 0.1 0.2 0.3
FEND
AFIX 43
DFIX 0.9 O1 H1
DISP O 0.01 0.006
EQIV $1 x,y,z+1
HFIX 83 O1
RESI 2 WAT
O1 2 0.1 0.2 0.4 11.0 0.05
RESI 0
Q1 1 0.1 0.1 0.1 11.0 0.05 1.2
"""
    record = read(tmp_path, HEAD + ATOMS + more)
    assert [site.label for site in record.sites] == ["Mg1", "O1", "O1_2"]
    assert [site.attached_hydrogens for site in record.sites][1] == 1
    assert "1 peaks of the difference map" in record.notes[0]


def test_scattering_factors_that_are_written_out(tmp_path: Path) -> None:
    text = HEAD.replace(
        "SFAC MG O H\n", "SFAC MG 5.42 2.83 2.17 79.26 1.23 0.38 =\n 2.3 7.19 0.86\nSFAC $D O\n"
    )
    assert read(tmp_path, text + ATOMS.replace("O1 2", "O1 3")).sites[1].symbol == "O"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("CELL 0.71 3.14979", "REM", "it has no CELL"),
        ("4.7702 90 90 120", "4.7702 150 150 120", "make no cell"),
        ("LATT 1", "LATT 8", "its LATT is 8"),
        ("SYMM -Y,X-Y,Z\n", "", "are no group"),
        ("SYMM -Y,X-Y,Z", "SYMM -Y,X-Y", "is no symmetry operation"),
        ("SFAC MG", "SFAC XX", "names XX, which is no element"),
        ("Mg1 1", "Mg1 7", "its scattering factor is number 7"),
        ("10.08333", "31.0", "free variable 3"),
        ("10.08333", "13.0", "its occupancy is"),
        ("FVAR 0.5 0.7", "FVAR one", "it cannot be read at 'FVAR one'"),
        ("FVAR 0.5 0.7", "MOVE 1 1 1 -1", "changes or adds atoms"),
        ("FVAR 0.5 0.7", "+more.ins", "changes or adds atoms"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = HEAD + ATOMS
    assert old in text
    with pytest.raises(HostError, match=message):
        read(tmp_path, text.replace(old, new))


def test_positions_and_cell_are_those_of_the_file(tmp_path: Path) -> None:
    record = read(tmp_path, HEAD + ATOMS, "x.ins")
    lengths = np.linalg.norm(record.cell, axis=1)
    assert lengths == pytest.approx([3.14979, 3.14979, 4.7702])
    assert record.sites[1].position == pytest.approx((0.333333, 0.666667, 0.2203))
