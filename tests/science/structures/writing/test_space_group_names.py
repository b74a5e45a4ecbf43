"""Names of groups in any setting and with any origin, which gemmi turns back into operations."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.kept_symmetry import find_kept_symmetry
from aiida_hpaint.science.structures.writing.space_group_names import (
    format_operation,
    name_group,
    name_type,
    to_gemmi,
)

GROUPS = [group for group in gemmi.spacegroup_table() if group.ext != "R"]
CELLS = {
    "triclinic": (5, 6, 7, 80, 95, 103),
    "orthorhombic": (5, 6, 7, 90, 90, 90),
    "tetragonal": (5, 5, 7, 90, 90, 90),
    "trigonal": (5, 5, 7, 90, 90, 120),
    "hexagonal": (5, 5, 7, 90, 90, 120),
    "cubic": (5, 5, 5, 90, 90, 90),
}


def make_operations(group: gemmi.SpaceGroup, origin: tuple[int, int, int]) -> SymmetryOperations:
    """Return the operations of a setting with its origin moved by multiples of 1/24."""
    system = group.crystal_system_str()
    parameters = CELLS.get(system)
    if parameters is None:
        axis = group.qualifier.replace("-", "")[:1] or "b"
        parameters = (5, 6, 7, *(100 if letter == axis else 90 for letter in "abc"))
    cell = np.array(gemmi.UnitCell(*parameters).orth.mat.tolist()).T
    listed = list(group.operations())
    rotations = np.array([operation.rot for operation in listed]) // gemmi.Op.DEN
    translations = np.array([operation.tran for operation in listed]) / gemmi.Op.DEN
    shift = np.array(origin) / 24
    return SymmetryOperations(cell, rotations, translations + shift - rotations @ shift)


@given(
    group=st.sampled_from(GROUPS),
    origin=st.sampled_from([(0, 0, 0), (6, 3, 0), (2, 0, 4), (12, 12, 12)]),
)
@example(group=gemmi.SpaceGroup("P 31 1 2"), origin=(6, 3, 0))
@example(group=gemmi.SpaceGroup("P 65 2 2"), origin=(2, 0, 4))
def test_names_say_which_operations(group: gemmi.SpaceGroup, origin: tuple[int, int, int]) -> None:
    operations = make_operations(group, origin)
    names = name_group(operations)
    assert names.number == group.number
    assert names.system == group.crystal_system_str()
    assert names.hall is not None
    assert gemmi.symops_from_hall(names.hall) == to_gemmi(operations)
    if names.hermann_mauguin is not None:
        found = gemmi.find_spacegroup_by_name(names.hermann_mauguin)
        assert found.operations() == to_gemmi(operations)


def test_lengths_that_a_file_rounded_do_not_hide_a_group() -> None:
    """A primitive cell in C2, whose vectors are as long as each other but for the last digits."""
    half = np.array([[-4.311035, 6.424852, -12.945947], [4.310965, 6.424852, -12.945947]])
    cell = np.vstack([half, [0.0, -14.066, 0.0]])
    swap = -np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    found = name_group(SymmetryOperations(cell, np.stack([np.eye(3), swap]), np.zeros((2, 3))))
    assert (found.number, found.type_symbol) == (5, "C 1 2 1")


@pytest.mark.parametrize(
    ("number", "symbol"),
    [(1, "P1"), (2, "P-1"), (4, "P2_1"), (7, "Pc"), (14, "P2_1/c"), (15, "C2/c"), (113, "P-42_1m")],
)
def test_types_have_short_symbols(number: int, symbol: str) -> None:
    assert name_type(number) == symbol
    assert gemmi.find_spacegroup_by_name(symbol.replace("_", "")).number == number


def test_operations_are_written_as_in_a_cif() -> None:
    rotation = np.array([[-1, 1, 0], [0, 1, 0], [0, 0, -1]])
    assert format_operation(rotation, np.array([0.5, 0.0, 2 / 3])) == "-x+y+1/2,y,-z+2/3"


@given(group=st.sampled_from(GROUPS), kept=st.integers(1, 192), seed=st.integers(0, 2**16))
def test_kept_operations_are_a_group_that_maps_the_sites(
    group: gemmi.SpaceGroup, kept: int, seed: int
) -> None:
    operations = make_operations(group, (0, 0, 0))
    rng = np.random.default_rng(seed)
    points = operations.images(rng.uniform(0.05, 0.45, (1, 3)))[:, 0]
    moved = rng.permutation(len(points))[kept:]
    points[moved[:2]] += 0.1 * rng.normal(size=(len(moved[:2]), 3))
    found = find_kept_symmetry(operations, np.ones(len(points), dtype=np.int64), points, 0.05)
    name_group(found.operations)  # raises unless they are a group
    averaged = found.average(points)
    for index in range(len(found.operations)):
        images = found.operations.images(averaged, np.array([index]))[0]
        shifts = images - averaged[found.partners[index]]
        assert np.abs(shifts - np.rint(shifts)).max() == pytest.approx(0, abs=1e-9)
    lengths = np.linalg.norm((averaged - points) @ operations.cell, axis=1)
    assert lengths.max() <= 0.05
