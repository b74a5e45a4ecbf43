"""Symmetry operations and names of the space group in a CIF block, magnetic ones included."""

from __future__ import annotations

import re

from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock
from aiida_hpaint.science.structures.reading.numbers import parse_number
from aiida_hpaint.science.structures.reading.operations import (
    multiply_operations,
    same_operations,
)
from aiida_hpaint.science.structures.reading.symmetry import (
    Symmetry,
    find_operations,
    make_group,
    parse_operations,
)
from aiida_hpaint.science.structures.records import SpaceGroupName
from aiida_hpaint.science.types import FloatArray

__all__ = ["read_cif_symmetry"]

_LISTS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_MAGNETIC = ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz")
_MODULATED = "_space_group_ssg_operation_algebraic", "_space_group_symop_ssg_operation_algebraic"
_SYMBOLS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
)
_HALLS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")


def read_cif_symmetry(
    label: str, block: CifBlock, cell: FloatArray
) -> tuple[SpaceGroupName, Symmetry]:
    """Read the symmetry of a block, and compare all that it says about it.

    Operations of magnetic groups are reduced to their crystallographic part, those of superspace
    groups to that of the average structure, which notes say.

    Raises
    ------
    HostError
        See `find_operations`.
    """
    symbols = list(dict.fromkeys(s for tag in _SYMBOLS if (s := block.find(tag)) is not None))
    number = parse_number(block.find(*_NUMBERS))
    name = SpaceGroupName(
        symbols[0] if symbols else None,
        block.find(*_HALLS),
        round(number) if number and 1 <= number <= 230 else None,
    )
    listed = _read_lists(label, block, cell)
    found = find_operations(label, listed, name, cell, symbols[1:])
    return name, Symmetry(found.operations, (*_note_modulation(block), *found.notes))


def _read_lists(label: str, block: CifBlock, cell: FloatArray) -> Symmetry | None:
    given = [block.values[tag] for tag in _LISTS if _is_given(block, tag)]
    found = [make_group(label, parse_operations(label, texts), cell) for texts in given]
    if len(found) == 2 and not same_operations(found[0].operations, found[1].operations):
        reason = f"its lists {' and '.join(_LISTS)} differ"
        raise make_host_error(label, reason, "Keep the right one")
    if found:
        return found[0]
    if _is_given(block, _MAGNETIC[0]):
        return _read_magnetic(label, block, cell)
    for tag in _MODULATED:
        if _is_given(block, tag):
            texts = [_reduce_superspace(label, text) for text in block.values[tag]]
            return make_group(label, parse_operations(label, texts), cell)
    return None


def _read_magnetic(label: str, block: CifBlock, cell: FloatArray) -> Symmetry:
    parts = []
    for tag in _MAGNETIC:
        texts = block.values[tag] if _is_given(block, tag) else ["x,y,z"]
        parts.append(parse_operations(label, [_drop_time_reversal(text) for text in texts]))
    found = make_group(label, multiply_operations(parts[0], parts[1]), cell)
    note = "The operations of its magnetic group were used without time reversal."
    return Symmetry(found.operations, (note, *found.notes))


def _drop_time_reversal(text: str) -> str:
    return re.sub(r",\s*[+-]?1?\s*$", "", text) if text.count(",") == 3 else text


def _reduce_superspace(label: str, text: str) -> str:
    rows = [row.strip() for row in text.lower().split(",")][:3]
    reduced = ",".join(re.sub(r"x([123])", lambda m: "xyz"[int(m[1]) - 1], row) for row in rows)
    if re.search(r"\d[xyz]|x\d", reduced):
        reason = f"its superspace operation {text!r} mixes space and modulation"
        raise make_host_error(label, reason, "List the operations of the average structure")
    return reduced


def _note_modulation(block: CifBlock) -> list[str]:
    dimension = block.find("_cell_modulation_dimension")
    tags = ("_space_group_ssg_", "_space_group_symop_ssg_", "_cell_wave_vector_")
    if dimension not in (None, "0") or any(tag.startswith(tags) for tag in block.values):
        return ["The structure is modulated: this is its average structure."]
    return []


def _is_given(block: CifBlock, tag: str) -> bool:
    return any(text.strip() not in ("?", ".", "") for text in block.values.get(tag, ()))
