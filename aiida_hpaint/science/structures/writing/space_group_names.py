"""Names of a space group in the setting and origin of its operations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.relaxed_cell import make_cell_symmetric
from aiida_hpaint.science.types import FloatArray, IntArray

if TYPE_CHECKING:
    from gemmi import GroupOps

__all__ = ["GRID", "NamedGroup", "format_operation", "name_group", "name_type", "to_gemmi"]

GRID = 24
"""Translations of operations are multiples of 1/24, as all of the International Tables are."""

_MOST_NAMED = 256


@dataclass(frozen=True)
class NamedGroup:
    """Names of a space group.

    Attributes
    ----------
    number
        Number of its type in the International Tables.
    hermann_mauguin
        Hermann-Mauguin symbol of this very setting and origin; None where there is none.
    hall
        Hall symbol of this very setting and origin; None where none was found.
    type_symbol
        Hermann-Mauguin symbol of the type, whatever the setting.
    system
        Crystal system.
    """

    number: int
    hermann_mauguin: str | None
    hall: str | None
    type_symbol: str
    system: str

    def __str__(self) -> str:
        return f"{self.hermann_mauguin or self.type_symbol} (No. {self.number})"


_named: dict[tuple[bytes, bytes, bytes], NamedGroup] = {}
"""Names by operations and cell: each answer is named several times."""


def name_group(operations: SymmetryOperations) -> NamedGroup:
    """Name a group by its operations.

    A setting that is not in the tables gets the Hall symbol of the standard setting with a change
    of basis, which is checked against the operations.

    Raises
    ------
    ValueError
        If the operations are no space group.
    """
    rotations, translations = _round(operations.rotations, operations.translations)
    key = rotations.tobytes(), translations.tobytes(), operations.cell.tobytes()
    if key not in _named:
        if len(_named) >= _MOST_NAMED:
            _named.clear()
        _named[key] = _name_group(operations)
    return _named[key]


def _name_group(operations: SymmetryOperations) -> NamedGroup:
    import gemmi

    listed: Any = gemmi.find_spacegroup_by_ops(to_gemmi(operations))
    if listed is not None:
        return NamedGroup(
            listed.number, listed.xhm(), listed.hall, listed.hm, listed.crystal_system_str()
        )
    found = _find_type(operations)
    standard = gemmi.find_spacegroup_by_number(found.number)
    hall = _find_hall_symbol(operations, found)
    return NamedGroup(found.number, None, hall, standard.hm, standard.crystal_system_str())


def name_type(number: int) -> str:
    """Return the short symbol of a type of space groups, such as `P2_1/c` for all its settings."""
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    symbol: str = sg_symbol_from_int_number(number)
    return re.sub(r"^([A-Z])1(.+)1$", r"\1\2", symbol) if 3 <= number <= 15 else symbol


def format_operation(rotation: Any, translation: FloatArray) -> str:
    """Return an operation as a CIF has it, such as `-x+1/2,y,-z`."""
    return str(_make_operation(rotation, translation).triplet())


def _make_operation(rotation: Any, translation: FloatArray) -> Any:
    return _to_operation(*(one.tolist() for one in _round(rotation, translation)))


def _round(rotations: Any, translations: FloatArray) -> tuple[IntArray, IntArray]:
    """Return matrices and translations of operations as multiples of 1/24."""
    matrices, shifts = np.rint(rotations * GRID), np.mod(np.rint(translations * GRID), GRID)
    return matrices.astype(np.int64), shifts.astype(np.int64)


def _to_operation(rotation: list[list[int]], translation: list[int]) -> Any:
    import gemmi

    operation = gemmi.Op("x,y,z")
    operation.rot, operation.tran = rotation, translation
    return operation


def to_gemmi(operations: SymmetryOperations) -> GroupOps:
    """Return operations as gemmi has them, translations as multiples of 1/24."""
    import gemmi

    rotations, translations = _round(operations.rotations, operations.translations)
    pairs = zip(rotations.tolist(), translations.tolist(), strict=True)
    return gemmi.GroupOps([_to_operation(*pair) for pair in pairs])


def _find_hall_symbol(operations: SymmetryOperations, found: Any) -> str | None:
    """Return the Hall symbol of a setting as that of spglib's setting and a change of basis."""
    import gemmi

    group = to_gemmi(operations)
    matrix, shift = np.asarray(found.transformation_matrix), np.asarray(found.origin_shift)
    inverse = np.linalg.inv(matrix)
    symbol, moved = _split_shift(found.hall)
    for rotation, translation in ((inverse, -inverse @ shift), (matrix, shift)):
        change = _make_operation(rotation, translation + rotation @ moved)
        hall = f"{symbol} ({change.triplet()})"
        try:
            if gemmi.symops_from_hall(hall) == group:
                return hall
        except (ValueError, RuntimeError):  # a change of basis that Hall symbols cannot express
            continue
    return None


def _split_shift(hall: str) -> tuple[str, FloatArray]:
    """Take the shift of the origin off a Hall symbol: `P 31 2 (0 0 4)`, in twelfths."""
    symbol, _, shift = hall.partition(" (")
    numbers = shift.removesuffix(")").split() or ["0", "0", "0"]
    return symbol, np.array([float(number) / 12 for number in numbers])


def _find_type(operations: SymmetryOperations) -> Any:
    """Return spglib's description of the type of a group, with its standard setting."""
    import spglib

    # Spglib knows settings of crystals only: two points in general positions make one.
    points = np.array([[0.1234, 0.2671, 0.3847], [0.0731, 0.1519, 0.4382]])
    sites = operations.images(points).reshape(-1, 3)
    # Files give lengths and angles that symmetry requires only as exactly as they are rounded.
    cell = make_cell_symmetric(operations)
    crystal: Any = (cell, sites, [1, 2] * len(operations))
    found = spglib.get_symmetry_dataset(crystal, symprec=1e-5)
    if found is None or len(found.rotations) != len(operations):
        raise ValueError(f"{len(operations)} operations are no space group: check their list")
    return found
