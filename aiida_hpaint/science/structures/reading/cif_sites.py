"""Listed sites of a CIF block."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.file_limits import check_site_count
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock
from aiida_hpaint.science.structures.reading.labels import number_labels
from aiida_hpaint.science.structures.reading.numbers import (
    is_unknown,
    parse_number,
    parse_uncertainty,
)
from aiida_hpaint.science.structures.reading.site_elements import (
    TypeSymbol,
    choose_element,
    parse_type_symbol,
)
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.types import FloatArray

__all__ = ["has_sites", "read_cif_sites"]

_FRACTIONAL = ("fract_x", "fract_y", "fract_z")
_CARTESIAN = ("cartn_x", "cartn_y", "cartn_z")
_SINGULAR = 1e-6
_WITHIN = 3.0  # standard uncertainties
_GIVE_TYPES = "Give each site its element as _atom_site_type_symbol"

_Row = Mapping[str, str]


@dataclass(frozen=True)
class _Table:
    """The list of sites of a block, and what helps to read it.

    Attributes
    ----------
    label
        Label of the record, for errors.
    rows
        Values by data name, without `_atom_site_`; rows of `?` and `.` are left out.
    formula
        Elements of the formula.
    axes
        Names of the coordinates.
    charges
        Oxidation numbers by type symbol.
    chosen
        Labels whose element the formula decided, for a note.
    above
        Labels whose occupancy is above one within its uncertainty, for a note.
    """

    label: str
    rows: list[dict[str, str]]
    formula: Collection[str]
    axes: tuple[str, ...]
    charges: Mapping[str, float]
    chosen: list[str] = field(default_factory=list)
    above: list[str] = field(default_factory=list)


def has_sites(block: CifBlock) -> bool:
    """Return whether a block lists sites, and not only a form with `?`."""
    names = (*_FRACTIONAL, *_CARTESIAN, "label", "type_symbol")
    listed = any(f"_atom_site_{axis}" in block.values for axis in (*_FRACTIONAL, *_CARTESIAN))
    return listed and any(block.find(f"_atom_site_{name}") is not None for name in names)


def read_cif_sites(
    label: str, block: CifBlock, formula: Collection[str], cell: FloatArray, notes: list[str]
) -> tuple[ListedSite, ...]:
    """Read the listed sites of a block.

    Parameters
    ----------
    label
        Label of the record, for errors.
    block
        The block.
    formula
        Elements of its formula, which decide where a label can mean several; may be empty.
    cell : (3, 3)
        Lattice vectors as rows, in Å, in the standard orientation (a along x, b in xy).
    notes
        Takes what is assumed.

    Returns
    -------
    tuple of ListedSite
        The sites, in the order of the file.

    Raises
    ------
    HostError
        With the problems of all rows.
    """
    table = _make_table(label, block, formula)
    sites: list[ListedSite] = []
    problems: list[HostProblem] = []
    for row in table.rows:
        try:
            sites.extend(_read_row(table, row))
        except HostError as error:
            problems.extend(error.problems)
    if problems:
        raise HostError(problems)
    if table.chosen:
        notes.append(f"Elements that the formula decides: {'; '.join(table.chosen)}.")
    if table.above:
        names = ", ".join(table.above)
        notes.append(
            f"Occupancies above 1 by less than three uncertainties were taken as 1: {names}."
        )
    if table.axes == _CARTESIAN:
        sites = _make_fractional(label, block, sites, cell, notes)
    return number_labels(sites, notes)


def _make_table(label: str, block: CifBlock, formula: Collection[str]) -> _Table:
    values = block.values
    is_fractional = any(f"_atom_site_{axis}" in values for axis in _FRACTIONAL)
    axes = _FRACTIONAL if is_fractional else _CARTESIAN
    lengths = {axis: len(values.get(f"_atom_site_{axis}", ())) for axis in axes}
    count = lengths[axes[0]]
    for axis, length in lengths.items():
        if length != count:
            reason = f"its list of sites has {count} {axes[0]} and {length or 'no'} {axis}"
            raise make_host_error(label, reason, "Complete the CIF")
    check_site_count(label, count)
    columns = {
        key.removeprefix("_atom_site_"): column
        for key, column in values.items()
        if key.startswith("_atom_site_") and len(column) == count
    }
    rows = [{key: column[at] for key, column in columns.items()} for at in range(count)]
    needed = (*axes, "label", "type_symbol")
    rows = [row for row in rows if not all(is_unknown(row.get(key)) for key in needed)]
    types = values.get("_atom_type_symbol", [])
    numbers = values.get("_atom_type_oxidation_number", [])
    charges = {
        kind: charge
        for kind, number in zip(types, numbers, strict=False)
        if (charge := parse_number(number)) is not None
    }
    return _Table(label, rows, formula, axes, charges)


def _read_row(table: _Table, row: _Row) -> list[ListedSite]:
    text = row.get("type_symbol", "")
    is_dummy = "dum" in (row.get("calc_flag", "").lower(), text.lower())
    types = _read_types(table, row) if not is_dummy else parse_type_symbol(text)[:1]
    position = _read_position(table, row)
    occupancy = _read_occupancy(table, row, is_counted=is_dummy or position is None)
    attached = parse_number(row.get("attached_hydrogens"))
    name = _name(row)
    return [
        ListedSite(
            label=name if len(types) < 2 else f"{name}-{each.symbol}",
            symbol=each.symbol,
            position=position,
            occupancy=occupancy * each.occupancy,
            assembly=_read_text(row, "disorder_assembly"),
            group=_read_text(row, "disorder_group"),
            attached_hydrogens=each.hydrogens if attached is None else round(attached),
            charge=table.charges.get(text) if each.charge is None else each.charge,
            is_dummy=is_dummy,
        )
        for each in types or [TypeSymbol("X")]
    ]


def _read_types(table: _Table, row: _Row) -> list[TypeSymbol]:
    text, name = row.get("type_symbol"), row.get("label", "?")
    if text is not None and not is_unknown(text):
        found = parse_type_symbol(text)
        if found:
            return found
        raise _make_error(table, row, f"its element is not clear from {text!r}", _GIVE_TYPES)
    others = [row.get("label", "") for row in table.rows]
    found_element = choose_element(name, table.formula, others)
    readings = " or ".join(found_element.readings)
    if found_element.symbol is None:
        reason = f"its element is not clear from {name!r}"
        if readings:
            reason += f" ({readings}?)"
        if table.formula:
            reason += f" and the elements of its formula ({', '.join(sorted(table.formula))})"
        raise _make_error(table, row, reason, _GIVE_TYPES)
    if not found_element.is_plain:
        table.chosen.append(f"{name} is {found_element.symbol} ({readings}?)")
    return [TypeSymbol(found_element.symbol, charge=found_element.charge)]


def _read_position(table: _Table, row: _Row) -> tuple[float, float, float] | None:
    texts = [row[axis] for axis in table.axes]
    if any(is_unknown(text) for text in texts):
        return None
    values = [value for text in texts if (value := parse_number(text)) is not None]
    if len(values) < 3:
        reason = f"its position is {' '.join(texts)}"
        remedy = "Write coordinates as decimal numbers, like 0.3333"
        raise _make_error(table, row, reason, remedy)
    return values[0], values[1], values[2]


def _read_occupancy(table: _Table, row: _Row, is_counted: bool) -> float:
    """Read the occupancy; above one, it counts atoms whose positions are not known."""
    text = row.get("occupancy", ".")
    value = 1.0 if is_unknown(text) else parse_number(text)
    if not is_counted and value and 1 < value <= 1 + _WITHIN * parse_uncertainty(text):
        table.above.append(_name(row))
        return 1.0
    if value is None or value < 0 or (value > 1 + 1e-3 and not is_counted):
        reason = f"its occupancy is {text}"
        raise _make_error(table, row, reason, "Write a number from 0 to 1")
    return value


def _make_fractional(
    label: str, block: CifBlock, sites: list[ListedSite], cell: FloatArray, notes: list[str]
) -> list[ListedSite]:
    """Convert Cartesian positions (Å), by the transformation of the block where it has one."""
    matrix, vector = np.linalg.inv(cell.T), np.zeros(3)
    forward, backward = (_read_transformation(block, kind) for kind in ("fract", "cartn"))
    if forward is not None:
        matrix, vector = forward
    elif backward is not None:
        if abs(np.linalg.det(backward[0])) < _SINGULAR:
            reason = "its _atom_sites_Cartn_tran_matrix is singular"
            raise make_host_error(label, reason, "Correct the CIF")
        matrix = np.linalg.inv(backward[0])
        vector = -matrix @ backward[1]
    else:
        axes = "a along x, b in the plane of x and y"
        notes.append(f"Cartesian coordinates were taken to be in the standard frame: {axes}.")
    found = []
    for site in sites:
        if site.position is not None:
            x, y, z = (matrix @ np.array(site.position) + vector).tolist()
            site = replace(site, position=(x, y, z))
        found.append(site)
    return found


def _read_transformation(block: CifBlock, kind: str) -> tuple[FloatArray, FloatArray] | None:
    def read(name: str) -> float | None:
        return parse_number(block.find(f"_atom_sites_{kind}_tran_{name}"))

    entries = [read(f"matrix_{i}{j}") for i in "123" for j in "123"]
    vector = np.array([read(f"vector_{i}") or 0.0 for i in "123"])
    known = [entry for entry in entries if entry is not None]
    return (np.array(known).reshape(3, 3), vector) if len(known) == 9 else None


def _read_text(row: _Row, key: str) -> str:
    text = row.get(key)
    return "" if text is None or is_unknown(text) else text


def _name(row: _Row) -> str:
    return _read_text(row, "label") or _read_text(row, "type_symbol") or "?"


def _make_error(table: _Table, row: _Row, reason: str, remedy: str) -> HostError:
    return make_host_error(table.label, reason, remedy, f"site {_name(row)}")
