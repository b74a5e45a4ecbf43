"""Symmetry of a record: from its operations or the names of its space group, all compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.reading.operations import (
    Operation,
    add_identity,
    find_missing_product,
    format_operation,
    from_gemmi,
    parse_operation,
    same_operations,
    stack_operations,
)
from aiida_hpaint.science.structures.reading.space_groups import (
    Setting,
    describe_settings,
    find_settings,
    list_settings,
    parse_hall,
    split_symbol,
)
from aiida_hpaint.science.structures.records import SpaceGroupName
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

__all__ = ["Symmetry", "find_operations", "make_group", "parse_operations"]

_METRIC_TOLERANCE = 0.02
_LIST = "List the operations as _space_group_symop_operation_xyz ('x,y,z' alone for P1)"
_CORRECT = "Correct the one that is wrong, or leave it out"


@dataclass(frozen=True)
class Symmetry:
    """Operations of a record, and what was assumed about them.

    Attributes
    ----------
    operations
        All operations of the space group.
    notes
        One sentence each.
    """

    operations: SymmetryOperations
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Reading:
    """One way in which a file gives its symmetry: by list, Hall symbol, H-M symbol or number."""

    what: str
    number: int
    choices: tuple[SymmetryOperations, ...]
    names: str
    names_setting: bool = True

    def __str__(self) -> str:
        return f"{self.what} ({self.names})"


def parse_operations(label: str, texts: Sequence[str]) -> list[Operation]:
    """Read operations that are listed as text, such as `-x, y+1/2, -z`.

    Raises
    ------
    HostError
        If a text is no operation.
    """
    found = []
    for text in texts:
        operation = parse_operation(text)
        if operation is None:
            reason = f"{text!r} is no symmetry operation"
            raise make_host_error(label, reason, "Write it like '-x, y+1/2, -z'")
        found.append(operation)
    return found


def make_group(label: str, operations: Sequence[Operation], cell: FloatArray) -> Symmetry:
    """Put listed operations together; the identity is added if it is missing.

    Raises
    ------
    HostError
        If they are no group or do not fit the cell (rows in Å).
    """
    found, was_missing = add_identity(stack_operations(cell, operations))
    _check_cell(label, found, "its symmetry operations")
    missing = find_missing_product(found)
    if missing is not None:
        first, second = (
            format_operation(found.rotations[at], found.translations[at]) for at in missing
        )
        reason = (
            f"its {len(found)} symmetry operations are no group: "
            f"the product of {first} and {second} is not among them"
        )
        raise make_host_error(label, reason, "Correct the list: one of them may be mistyped")
    note = "The identity is not among the listed operations: it was added."
    return Symmetry(found, (note,) if was_missing else ())


def find_operations(
    label: str,
    listed: Symmetry | None,
    name: SpaceGroupName,
    cell: FloatArray,
    other_symbols: Sequence[str] = (),
) -> Symmetry:
    """Find the symmetry operations of a record, and compare all that it says about them.

    Listed operations come first; otherwise they follow from the Hall symbol, the H-M symbol or
    the number, in the setting that fits the cell.

    Parameters
    ----------
    label
        Label of the record, for errors.
    listed
        What `make_group` returned; None if no operations are listed.
    name
        Names of the space group.
    cell : (3, 3)
        Lattice vectors as rows, in Å.
    other_symbols
        More H-M symbols in the same file.

    Raises
    ------
    HostError
        If there is no symmetry, if two statements contradict each other, or if the names leave
        the setting or the origin open.
    """
    notes = list(listed.notes) if listed is not None else []
    readings = [_read_list(listed.operations)] if listed is not None else []
    readings += _read_names(label, name, cell, notes, is_listed=listed is not None)
    for symbol in other_symbols:
        readings += _read_symbol(label, symbol, cell, notes)
    if not readings:
        raise make_host_error(label, "it gives no symmetry", _LIST)
    first = readings[0]
    for other in readings[1:]:
        _compare(label, first, other, notes)
    if len(first.choices) > 1:
        reason = f"{first.what} leaves open which setting or origin it is: {first.names}"
        raise make_host_error(label, reason, _LIST)
    return Symmetry(first.choices[0], tuple(notes))


def _read_list(operations: SymmetryOperations) -> _Reading:
    import spglib

    kind: Any = spglib.get_spacegroup_type_from_symmetry(
        operations.rotations, np.mod(operations.translations, 1.0), operations.cell
    )
    number = kind.number if kind is not None else 0
    symbol = kind.international_short.replace("_", "") if kind is not None else "unknown"
    names = f"{len(operations)}, which make {symbol}, No. {number}"
    return _Reading("the list of operations", number, (operations,), names)


def _read_names(
    label: str, name: SpaceGroupName, cell: FloatArray, notes: list[str], is_listed: bool
) -> list[_Reading]:
    readings = []
    unknown = []
    if name.hall is not None:
        reading = _read_hall(name.hall, cell)
        readings += [reading] if reading else []
        unknown += [] if reading else [f"Hall symbol {name.hall!r}"]
    if name.hermann_mauguin is not None:
        found = _read_symbol(label, name.hermann_mauguin, cell, notes)
        readings += found
        unknown += [] if found else [f"H-M symbol {name.hermann_mauguin!r}"]
    if name.number is not None:
        reading = _read_number(name.number, cell)
        readings += [reading] if reading else []
        unknown += [] if reading else [f"number {name.number}"]
    if unknown and not readings and not is_listed:
        reason = f"no setting of the {' or '.join(unknown)} is known that fits its cell"
        raise make_host_error(label, reason, _LIST)
    notes += [f"The {each} of the space group is not known: it was left out." for each in unknown]
    return readings


def _read_hall(hall: str, cell: FloatArray) -> _Reading | None:
    group = parse_hall(hall)
    if group is None:
        return None
    operations = from_gemmi(cell, group)
    if not _fits(operations):
        return None
    reading = _read_list(operations)
    return _Reading(
        f"the Hall symbol {hall!r}", reading.number, (operations,), f"No. {reading.number}"
    )


def _read_symbol(label: str, text: str, cell: FloatArray, notes: list[str]) -> list[_Reading]:
    parts = split_symbol(text)
    what = f"the H-M symbol {text!r}"
    for rank, tier in enumerate(find_settings(parts)):
        fitting = _choose_fitting(tier, cell)
        if not fitting:
            continue
        if rank:
            notes.append(f"The H-M symbol {text!r} was read as {describe_settings(fitting)}.")
        found = [_make_reading(what, fitting, cell)]
        if parts.number is not None and parts.number != fitting[0].number:
            reason = f"{what} is No. {fitting[0].number}, not {parts.number}"
            raise make_host_error(label, reason, _CORRECT)
        return found
    return []


def _read_number(number: int, cell: FloatArray) -> _Reading | None:
    fitting = _choose_fitting(list_settings(number), cell)
    if not fitting:
        return None
    return replace(_make_reading(f"the number {number}", fitting, cell), names_setting=False)


def _make_reading(what: str, settings: Sequence[Setting], cell: FloatArray) -> _Reading:
    choices = tuple(_get_operations(setting, cell) for setting in settings)
    names = f"{describe_settings(settings)}, No. {settings[0].number}"
    return _Reading(what, settings[0].number, choices, names)


def _choose_fitting(settings: Sequence[Setting], cell: FloatArray) -> list[Setting]:
    by_hall = {each.hall: each for each in settings}
    return [each for each in by_hall.values() if _fits(_get_operations(each, cell))]


def _get_operations(setting: Setting, cell: FloatArray) -> SymmetryOperations:
    group = parse_hall(setting.hall)
    assert group is not None
    return from_gemmi(cell, group)


def _compare(label: str, first: _Reading, other: _Reading, notes: list[str]) -> None:
    """Raise HostError if two readings contradict each other; note if they differ in the setting."""
    if not first.number or not other.number:
        notes.append(f"In the file, {first} could not be compared with {other}.")
        return
    if first.number != other.number:
        raise make_host_error(label, f"{first} contradicts {other}", _CORRECT)
    is_alike = any(same_operations(one, two) for one in first.choices for two in other.choices)
    if is_alike or not other.names_setting:
        return
    notes.append(
        f"In the file, {other} has another setting or origin than {first.what}, which was used."
    )


def _check_cell(label: str, operations: SymmetryOperations, what: str) -> None:
    if not _fits(operations):
        fitting = set(operations.find_isometries(_METRIC_TOLERANCE).tolist())
        at = next(index for index in range(len(operations)) if index not in fitting)
        text = format_operation(operations.rotations[at], operations.translations[at])
        raise make_host_error(label, f"{what} do not fit its cell, like {text}", "Correct the CIF")


def _fits(operations: SymmetryOperations) -> bool:
    return len(operations.find_isometries(_METRIC_TOLERANCE)) == len(operations)
