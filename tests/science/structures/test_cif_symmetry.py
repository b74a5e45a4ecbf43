"""Symmetry of CIFs: pymatgen is the oracle for groups that need looking up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice
from pymatgen.symmetry.groups import SpaceGroup

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.cif_symmetry import read_operations
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

BRICK = np.diag([5.0, 6.0, 7.0])
CUBE = np.eye(3) * 5.0
SQUARE = np.diag([5.0, 5.0, 7.0])
HEXAGON = Lattice.hexagonal(5, 7).matrix
LEANING = Lattice.monoclinic(5, 6, 7, 105).matrix
RHOMBUS = Lattice.rhombohedral(5, 70).matrix


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
    found = read_operations("x", {"_symmetry_space_group_name_h-m": name}, cell)
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
    assert len(read_operations("x", block, cell)) == count


def test_cells_of_monoclinic_groups_choose_the_glide() -> None:
    found = read_operations("x", {"_space_group_name_h-m_alt": "P2_1/n"}, LEANING)
    listed = ["x,y,z", "1/2-x,1/2+y,1/2-z", "-x,-y,-z", "1/2+x,1/2-y,1/2+z"]
    expected = read_operations("x", {"_symmetry_equiv_pos_as_xyz": listed}, LEANING)
    assert as_set(found) == as_set(expected)


def test_both_origins_are_told_apart() -> None:
    first, second = (
        as_set(read_operations("x", {"_space_group_name_h-m_alt": f"F d -3 m :{n}"}, CUBE))
        for n in (1, 2)
    )
    assert first != second


@pytest.mark.parametrize(
    ("block", "cell", "message"),
    [
        ({}, CUBE, "it gives no symmetry"),
        ({"_space_group_name_h-m_alt": "F d -3 m"}, CUBE, "has two origins"),
        ({"_space_group_it_number": "129"}, SQUARE, "129 has two origins"),
        ({"_space_group_name_h-m_alt": "P x y z"}, CUBE, "no setting of P x y z is known"),
        ({"_space_group_name_h-m_alt": "F m -3 m"}, BRICK, "that fits its cell"),
        ({"_symmetry_equiv_pos_as_xyz": ["x,y,z", "y,x,z"]}, BRICK, "do not fit its cell"),
        ({"_symmetry_equiv_pos_as_xyz": ["x,y,z", "one"]}, BRICK, "'one' is no symmetry operation"),
    ],
)
def test_what_is_not_clear_is_refused(
    block: dict[str, Any], cell: np.ndarray, message: str
) -> None:
    with pytest.raises(HostError, match=message):
        read_operations("x", block, cell)
