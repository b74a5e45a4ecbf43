"""Symmetry operations of a CIF block, listed or looked up by its space group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

_LISTS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_HALLS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_HALL_SETTINGS = 530
_SUFFIXES = {":1": "1", ":2": "2", "s": "1", "z": "2", ":h": "H", ":r": "R", "h": "H", "r": "R"}
_METRIC_TOLERANCE = 0.02
_REMEDY = "List the operations as _space_group_symop_operation_xyz ('x,y,z' alone for P1)"


def read_operations(label: str, block: Mapping[str, Any], cell: FloatArray) -> SymmetryOperations:
    """Read the symmetry operations of a block (keys in lower case) of a CIF.

    Listed operations come first; otherwise the Hall symbol, Hermann-Mauguin symbol or number is
    looked up in the setting that fits the cell.

    Raises
    ------
    HostError
        If there is neither, if a group has two origins and the block does not say which, or if
        the operations do not fit the cell.
    """
    listed = next((block[key] for key in _LISTS if key in block), None)
    if listed is not None:
        found = _parse(label, [listed] if isinstance(listed, str) else listed, cell)
        if not _fits_cell(found):
            raise make_host_error(
                label, "its symmetry operations do not fit its cell", "Correct the CIF"
            )
        return found
    return _look_up(label, block, cell)


def _parse(label: str, listed: list[str], cell: FloatArray) -> SymmetryOperations:
    from pymatgen.core.operations import SymmOp

    matrices = []
    for text in listed:
        try:
            matrix = SymmOp.from_xyz_str(text).affine_matrix
        except (ValueError, IndexError, KeyError, ZeroDivisionError):
            matrix = np.zeros((4, 4))
        if abs(abs(np.linalg.det(matrix)) - 1) > 1e-6:
            reason = f"{text!r} is no symmetry operation"
            raise make_host_error(label, reason, "Write it like '-x, y+1/2, -z'")
        matrices.append(matrix)
    stacked = np.array(matrices, dtype=np.float64)
    return SymmetryOperations(cell, stacked[:, :3, :3], stacked[:, :3, 3])


def _fits_cell(found: SymmetryOperations) -> bool:
    return len(found.find_isometries(_METRIC_TOLERANCE)) == len(found)


def _look_up(label: str, block: Mapping[str, Any], cell: FloatArray) -> SymmetryOperations:
    names = [str(block[key]) for key in (*_HALLS, *_NAMES, *_NUMBERS) if _given(block, key)]
    if not names:
        raise make_host_error(label, "it gives no symmetry", _REMEDY)
    for name in names:
        fitting = [(choice, found) for choice, found in _settings(name, cell) if _fits_cell(found)]
        if len({choice[:1] for choice, _ in fitting if choice[:1] in ("1", "2")}) > 1:
            reason = f"{name} has two origins and it does not say which"
            raise make_host_error(label, reason, _REMEDY)
        if fitting:
            return fitting[0][1]
    raise make_host_error(
        label, f"no setting of {' or '.join(names)} is known that fits its cell", _REMEDY
    )


def _given(block: Mapping[str, Any], key: str) -> bool:
    return str(block.get(key, "?")).strip() not in ("", "?", ".")


def _settings(name: str, cell: FloatArray) -> Iterator[tuple[str, SymmetryOperations]]:
    """Yield all settings that a symbol or number can mean, the more exact matches first."""
    import spglib

    wanted, choice = _normal(name)
    types = _types()
    exact = [h for h, t in enumerate(types, 1) if wanted in _spellings(t)]
    short = [h for h, t in enumerate(types, 1) if wanted in _short_spellings(t)]
    for hall in exact or short:
        kind = types[hall - 1]
        if choice is None or kind.choice.startswith(choice):
            found: Any = spglib.get_symmetry_from_database(hall)
            yield (
                kind.choice,
                SymmetryOperations(cell, found["rotations"], np.asarray(found["translations"])),
            )


@lru_cache(maxsize=1)
def _types() -> list[Any]:
    import spglib

    return [spglib.get_spacegroup_type(hall) for hall in range(1, _HALL_SETTINGS + 1)]


def _normal(name: str) -> tuple[str, str | None]:
    spaced = name.strip().lower()
    for suffix, choice in _SUFFIXES.items():
        # A letter without colon has to be a separate word: 'F d -3 m Z'.
        if spaced.endswith(suffix if suffix[0] == ":" else f" {suffix}"):
            return _compact(spaced[: -len(suffix)]), choice
    return _compact(spaced), None


def _compact(name: str) -> str:
    return re.sub(r"[\s_']", "", name).lower()


def _spellings(kind: Any) -> set[str]:
    names = [kind.hall_symbol, kind.international_full, *kind.international.split("=")]
    words = kind.international_full.split()
    names.append("".join(word for word in words if word != "1"))
    return {_compact(name) for name in names}


def _short_spellings(kind: Any) -> set[str]:
    return {_compact(kind.international_short), str(kind.number)}
