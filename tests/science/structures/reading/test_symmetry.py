"""Symmetry of CIFs: pymatgen is the oracle for groups that need looking up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice
from pymatgen.symmetry.groups import SpaceGroup

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock
from aiida_hpaint.science.structures.reading.cif_symmetry import read_cif_symmetry
from aiida_hpaint.science.structures.reading.symmetry import Symmetry
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

BRICK = np.diag([5.0, 6.0, 7.0])
CUBE = np.eye(3) * 5.0
SQUARE = np.diag([5.0, 5.0, 7.0])
HEXAGON = Lattice.hexagonal(5, 7).matrix
LEANING = Lattice.monoclinic(5, 6, 7, 105).matrix
RHOMBUS = Lattice.rhombohedral(5, 70).matrix


def read(block: dict[str, Any], cell: np.ndarray) -> Symmetry:
    values = {key: [value] if isinstance(value, str) else value for key, value in block.items()}
    return read_cif_symmetry("x", CifBlock("x", values, ""), cell)[1]


def read_operations(block: dict[str, Any], cell: np.ndarray) -> SymmetryOperations:
    return read(block, cell).operations


def as_set(found: SymmetryOperations) -> set[tuple[float, ...]]:
    shifts = np.mod(np.round(found.translations, 6), 1.0)
    rows = np.concatenate([found.rotations.reshape(-1, 9), shifts], axis=1)
    return {tuple(row) for row in (np.round(rows, 6) + 0.0).tolist()}


@pytest.mark.parametrize(
    ("name", "cell", "symbol"),
    [
        ("P 1", BRICK, "P1"),
        ("P -1", BRICK, "P-1"),
        ("P 21/c", LEANING, "P2_1/c"),
        ("P 1 21/c 1", LEANING, "P2_1/c"),
        ("C 2/m", LEANING, "C2/m"),
        ("P n m a", BRICK, "Pnma"),
        ("P b n m", BRICK, "Pbnm"),
        ("Pmn21", BRICK, "Pmn2_1"),
        ("C m c m", BRICK, "Cmcm"),
        ("P 42/m n m", SQUARE, "P4_2/mnm"),
        ("P -3 m 1", HEXAGON, "P-3m1"),
        ("R -3 m", HEXAGON, "R-3m"),
        ("R -3 m :H", HEXAGON, "R-3m"),
        ("P 63 m c", HEXAGON, "P6_3mc"),
        ("F m -3 m", CUBE, "Fm-3m"),
        ("P a -3", CUBE, "Pa-3"),
    ],
)
def test_symbols_mean_what_pymatgen_says(name: str, cell: np.ndarray, symbol: str) -> None:
    oracle = np.array([op.affine_matrix for op in SpaceGroup(symbol).symmetry_ops])
    expected = SymmetryOperations(cell, oracle[:, :3, :3], oracle[:, :3, 3])
    found = read_operations({"_symmetry_space_group_name_h-m": name}, cell)
    assert as_set(found) == as_set(expected)


@pytest.mark.parametrize(
    ("block", "cell", "count"),
    [
        ({"_space_group_it_number": "164"}, HEXAGON, 12),
        ({"_symmetry_int_tables_number": "225"}, CUBE, 192),
        ({"_symmetry_space_group_name_h-m": "P 21/n"}, LEANING, 4),
        ({"_space_group_name_hall": "-P 2ybc"}, LEANING, 4),
        ({"_symmetry_space_group_name_h-m": "R -3 m"}, RHOMBUS, 12),
        ({"_symmetry_space_group_name_h-m": "F d -3 m Z"}, CUBE, 192),
        ({"_space_group_name_h-m_alt": "F d -3 m :1"}, CUBE, 192),
        ({"_space_group_name_h-m_alt": "?", "_space_group_it_number": "1"}, BRICK, 1),
        ({"_symmetry_equiv_pos_as_xyz": "x, y, z"}, BRICK, 1),
        ({"_space_group_symop_operation_xyz": ["x,y,z", "-x, y+1/2, -z"]}, LEANING, 2),
    ],
)
def test_blocks_give_their_operations(block: dict[str, Any], cell: np.ndarray, count: int) -> None:
    assert len(read_operations(block, cell)) == count


def test_cells_of_monoclinic_groups_choose_the_glide() -> None:
    found = read_operations({"_space_group_name_h-m_alt": "P2_1/n"}, LEANING)
    listed = ["x,y,z", "1/2-x,1/2+y,1/2-z", "-x,-y,-z", "1/2+x,1/2-y,1/2+z"]
    expected = read_operations({"_symmetry_equiv_pos_as_xyz": listed}, LEANING)
    assert as_set(found) == as_set(expected)


def test_both_origins_are_told_apart() -> None:
    first, second = (
        as_set(read_operations({"_space_group_name_h-m_alt": f"F d -3 m :{n}"}, CUBE))
        for n in (1, 2)
    )
    assert first != second


@pytest.mark.parametrize(
    ("block", "cell", "message"),
    [
        ({}, CUBE, "it gives no symmetry"),
        ({"_space_group_name_h-m_alt": "F d -3 m"}, CUBE, "leaves open .* F d -3 m:1, F d -3 m:2"),
        (
            {"_space_group_it_number": "129"},
            SQUARE,
            "129 leaves open which setting or origin it is",
        ),
        ({"_space_group_it_number": "14"}, LEANING, "14 leaves open .*: P 1 21/c 1, P 1 21/n 1"),
        ({"_space_group_it_number": "62"}, BRICK, "62 leaves open"),
        (
            {"_space_group_name_h-m_alt": "P x y z"},
            CUBE,
            "no setting of the H-M symbol 'P x y z' is known",
        ),
        ({"_space_group_name_h-m_alt": "F m -3 m"}, BRICK, "that fits its cell"),
        ({"_symmetry_equiv_pos_as_xyz": ["x,y,z", "y,x,z"]}, BRICK, "do not fit its cell"),
        ({"_symmetry_equiv_pos_as_xyz": ["x,y,z", "one"]}, BRICK, "'one' is no symmetry operation"),
        (
            {"_symmetry_equiv_pos_as_xyz": ["x,y,z", "-x,-y,-z", "-x,y,1/2-z"]},
            LEANING,
            "are no group: the product of .* is not among them",
        ),
        (
            {"_space_group_symop_operation_xyz": "x,y,z", "_symmetry_equiv_pos_as_xyz": "-x,-y,-z"},
            BRICK,
            "differ",
        ),
    ],
)
def test_what_is_not_clear_is_refused(
    block: dict[str, Any], cell: np.ndarray, message: str
) -> None:
    with pytest.raises(HostError, match=message):
        read_operations(block, cell)


C2C = ["x,y,z", "-x,y,1/2-z", "-x,-y,-z", "x,-y,1/2+z"]
CENTRED = [*C2C, *(f"1/2+{o.split(',')[0]},1/2+{o.split(',')[1]},{o.split(',')[2]}" for o in C2C)]


@pytest.mark.parametrize(
    ("block", "cell", "message"),
    [
        (
            {"_symmetry_equiv_pos_as_xyz": C2C, "_space_group_name_h-m_alt": "C 1 2/c 1"},
            LEANING,
            "list of operations .*P2/c, No. 13.* contradicts the H-M symbol 'C 1 2/c 1' .*No. 15",
        ),
        (
            {"_symmetry_equiv_pos_as_xyz": "x,y,z", "_space_group_name_h-m_alt": "P -3 m 1"},
            HEXAGON,
            "P1, No. 1.* contradicts .*P -3 m 1, No. 164",
        ),
        (
            {"_symmetry_equiv_pos_as_xyz": CENTRED, "_space_group_name_hall": "-P 2yc"},
            LEANING,
            "C2/c, No. 15.* contradicts the Hall symbol '-P 2yc' .*No. 13",
        ),
        (
            {"_symmetry_equiv_pos_as_xyz": CENTRED, "_space_group_it_number": "14"},
            LEANING,
            "No. 15.* contradicts the number 14",
        ),
        (
            {"_space_group_name_h-m_alt": "P 21/c", "_space_group_it_number": "15"},
            LEANING,
            "'P 21/c' .*No. 14.* contradicts the number 15",
        ),
        (
            {"_space_group_name_h-m_alt": "P 21/c", "_symmetry_space_group_name_h-m": "C 2/c"},
            LEANING,
            "'P 21/c' .* contradicts the H-M symbol 'C 2/c'",
        ),
        ({"_space_group_name_h-m_alt": "C2/c (No. 14)"}, LEANING, "is No. 15, not 14"),
    ],
)
def test_contradictions_show_both_readings(
    block: dict[str, Any], cell: np.ndarray, message: str
) -> None:
    with pytest.raises(HostError, match=message):
        read(block, cell)


@pytest.mark.parametrize(
    "block",
    [
        {"_space_group_name_h-m_alt": "C 2/c", "_space_group_name_hall": "-C 2yc"},
        {"_symmetry_space_group_name_h-m": "C2/c", "_symmetry_int_tables_number": "15"},
        {"_space_group_name_h-m_alt": "C 1 2/c 1", "_symmetry_space_group_name_h-m": "C2/c"},
        {"_space_group_name_h-m_alt": "?", "_space_group_it_number": "."},
    ],
)
def test_names_that_agree_with_the_list_need_no_note(block: dict[str, str]) -> None:
    found = read({"_symmetry_equiv_pos_as_xyz": CENTRED, **block}, LEANING)
    assert len(found.operations) == 8
    assert found.notes == ()


def test_another_setting_of_the_same_group_is_noted() -> None:
    listed = ["x,y,z", "1/2-x,1/2+y,1/2-z", "-x,-y,-z", "1/2+x,1/2-y,1/2+z"]
    block = {"_symmetry_equiv_pos_as_xyz": listed, "_space_group_name_h-m_alt": "P 21/c"}
    found = read(block, LEANING)
    assert len(found.operations) == 4
    assert "another setting or origin" in found.notes[0]


def test_a_name_that_nobody_knows_is_noted_beside_a_list() -> None:
    found = read(
        {"_symmetry_equiv_pos_as_xyz": "x,y,z", "_space_group_name_h-m_alt": "Xmc21"}, BRICK
    )
    assert "'Xmc21' of the space group is not known" in found.notes[0]


def test_the_identity_is_implied() -> None:
    found = read({"_symmetry_equiv_pos_as_xyz": "-x,-y,-z"}, BRICK)
    assert len(found.operations) == 2
    assert "identity" in found.notes[0]


def test_short_monoclinic_symbols_take_the_axis_of_the_cell() -> None:
    along_c = Lattice.from_parameters(5, 6, 7, 90, 90, 105).matrix
    found = read({"_space_group_name_h-m_alt": "P 21/m"}, along_c)
    assert "P 1 1 21/m" in found.notes[0]
    turned = found.operations.rotations
    assert any((rotation == np.diag([-1, -1, 1])).all() for rotation in turned)


def test_magnetic_operations_lose_their_time_reversal() -> None:
    block = {
        "_space_group_symop_magn_operation_xyz": ["x,y,z,+1", "-x,-y,-z,-1"],
        "_space_group_symop_magn_centering_xyz": ["x,y,z,+1", "x,y,z+1/2,-1"],
        "_parent_space_group_name_h-m_alt": "P m -3 m",
    }
    found = read(block, BRICK)
    assert len(found.operations) == 4
    assert "without time reversal" in found.notes[0]


def test_modulated_structures_are_noted() -> None:
    block = {
        "_cell_modulation_dimension": "1",
        "_space_group_ssg_operation_algebraic": ["x1,x2,x3,x4", "-x1,x2,-x3,1/2-x4"],
    }
    found = read(block, LEANING)
    assert len(found.operations) == 2
    assert found.notes == ("The structure is modulated: this is its average structure.",)
    with pytest.raises(HostError, match="mixes space and modulation"):
        read({"_space_group_ssg_operation_algebraic": "x1+x4,x2,x3,x4"}, BRICK)
