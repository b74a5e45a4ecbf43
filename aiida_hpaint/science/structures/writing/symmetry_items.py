"""The space group in a CIF: names, number and operations that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.cif_items import (
    LoopTable,
    find_value,
    remove_items,
    set_value,
)
from aiida_hpaint.science.structures.writing.cif_text import quote_text
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.space_group_names import GRID, format_operation

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["edit_symmetry", "list_operations"]

_LOOPS = (
    ("_space_group_symop_", "operation_xyz"),
    ("_symmetry_equiv_pos_", "as_xyz"),
)
_HERMANN_MAUGUIN = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M")
_HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
_NUMBER = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_SYSTEM = ("_space_group_crystal_system", "_symmetry_cell_setting")
_OUTDATED = (
    "_space_group_name_h-m_full",
    "_space_group_name_h-m_ref",
    "_space_group_name_schoenflies",
    "_space_group_point_group_h-m",
    "_space_group_laue_class",
    "_space_group_patterson_name_h-m",
    "_space_group_bravais_type",
    "_space_group_transform_",
    "_space_group_wyckoff_",
    "_space_group_magn_",
    "_space_group_symop_magn_",
)
"""Names, or their beginnings, of what else follows from the space group."""


def edit_symmetry(block: cif.Block, crystal: RestoredCrystal) -> tuple[str, ...]:
    """Write the operations and names of the space group, where those of the block differ.

    Returns
    -------
    tuple of str
        What was removed, one sentence each.
    """
    group = crystal.symmetry.operations
    written = list_operations(block)
    same = written is not None and _hold_same(written, group)
    if not same:
        _write_operations(block, group)
    names = crystal.names
    record = crystal.source.record
    is_source = record is not None and record.format == "cif"
    if is_source and crystal.keeps_symmetry and crystal.source.has_cell(crystal.host):
        # Programs that do not know an unusual symbol find the group by its number.
        if find_value(block, *_NUMBER) is None:
            set_value(block, _NUMBER[0], str(names.number), _NUMBER[1:])
        return ()
    known = (
        (_HERMANN_MAUGUIN, names.hermann_mauguin),
        (_HALL, names.hall),
        (_NUMBER, str(names.number)),
        (_SYSTEM, names.system),
    )
    removed = remove_items(block, lambda tag: tag.startswith(_OUTDATED))
    for (name, *aliases), value in known:
        if value is None:
            alike = {each.lower() for each in (name, *aliases)}
            remove_items(block, alike.__contains__)
        else:
            set_value(block, name, quote_text(value), aliases)
    if not removed:
        return ()
    return (f"Items about the space group of the source were removed: {', '.join(removed)}.",)


def list_operations(block: cif.Block) -> SymmetryOperations | None:
    """Return the operations that a block lists, in their order; None where it lists none."""
    import gemmi

    for prefix, name in _LOOPS:
        table = LoopTable.find(block, prefix, name)
        if not len(table):
            continue
        try:
            found = [gemmi.Op(text) for text in table.texts(name)]
        except (ValueError, RuntimeError):
            return None
        rotations = np.array([np.array(op.rot) / op.DEN for op in found]).round().astype(np.int64)
        translations = np.array([np.array(op.tran) / op.DEN for op in found])
        return SymmetryOperations(np.eye(3), rotations, translations)
    return None


def _hold_same(first: SymmetryOperations, second: SymmetryOperations) -> bool:
    return len(first) == len(second) and _as_keys(first) == _as_keys(second)


def _as_keys(operations: SymmetryOperations) -> set[tuple[int, ...]]:
    rotations = np.rint(operations.rotations).astype(int).reshape(-1, 9)
    translations = np.mod(np.rint(operations.translations * GRID), GRID).astype(int)
    return {tuple(row) for row in np.hstack([rotations, translations]).tolist()}


def _write_operations(block: cif.Block, group: SymmetryOperations) -> None:
    texts = [
        quote_text(format_operation(rotation, translation))
        for rotation, translation in zip(group.rotations, group.translations, strict=True)
    ]
    chosen = _LOOPS[0]
    for prefix, name in _LOOPS:
        if len(LoopTable.find(block, prefix, name)):
            chosen = (prefix, name)
    prefix, name = chosen
    remove_items(block, lambda tag: tag.startswith(tuple(prefix for prefix, _ in _LOOPS)))
    table = LoopTable(block, prefix)
    table.add_column(_IDS[prefix], [str(number) for number in range(1, len(texts) + 1)])
    table.add_column(name, texts)
    table.write()


_IDS = {"_space_group_symop_": "id", "_symmetry_equiv_pos_": "site_id"}
