"""Listed sites of a CIF block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock
from aiida_hpaint.science.structures.reading.numbers import parse_number
from aiida_hpaint.science.structures.reading.site_elements import (
    TypeSymbol,
    choose_element,
    parse_type_symbol,
)
from aiida_hpaint.science.structures.records import ListedSite

__all__ = ["COORDINATES", "read_cif_sites"]

COORDINATES = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_UNKNOWN = ("?", ".", "")

_Row = Mapping[str, str]


def read_cif_sites(
    label: str, block: CifBlock, formula: Collection[str]
) -> tuple[tuple[ListedSite, ...], list[str]]:
    """Read the listed sites of a block.

    Parameters
    ----------
    label
        Label of the record, for errors.
    block
        The block.
    formula
        Elements of its formula, which decide where a label can mean several; may be empty.

    Returns
    -------
    sites : tuple of ListedSite
        The sites, in the order of the file.
    notes : list of str
        What was assumed.

    Raises
    ------
    HostError
        With the problems of all rows.
    """
    rows = _list_rows(block)
    names = [row.get("label", "") for row in rows]
    sites: list[ListedSite] = []
    problems: list[HostProblem] = []
    notes: list[str] = []
    for row in rows:
        try:
            sites.extend(_read_row(label, row, formula, names, notes))
        except HostError as error:
            problems.extend(error.problems)
    if problems:
        raise HostError(problems)
    return _with_unique_labels(sites, notes), notes


def _list_rows(block: CifBlock) -> list[dict[str, str]]:
    count = len(block.values[COORDINATES[0]])
    columns = {
        key.removeprefix("_atom_site_"): column
        for key, column in block.values.items()
        if key.startswith("_atom_site_") and len(column) == count
    }
    return [{key: column[at] for key, column in columns.items()} for at in range(count)]


def _read_row(
    label: str, row: _Row, formula: Collection[str], names: list[str], notes: list[str]
) -> list[ListedSite]:
    name = row.get("label", "?")
    name = row.get("type_symbol", "?") if name in _UNKNOWN else name
    is_dummy = "dum" in (row.get("calc_flag", ""), row.get("type_symbol", "").lower())
    types = [TypeSymbol("X")] if is_dummy else _read_types(label, row, formula, names, notes)
    position = _read_position(label, row)
    occupancy = _read_occupancy(label, row)
    attached = parse_number(row.get("attached_hydrogens"))
    return [
        ListedSite(
            label=name if len(types) == 1 else f"{name}-{each.symbol}",
            symbol=each.symbol,
            position=position,
            occupancy=occupancy * each.occupancy,
            assembly=_given(row, "disorder_assembly"),
            group=_given(row, "disorder_group"),
            attached_hydrogens=each.hydrogens if attached is None else round(attached),
            charge=each.charge,
            is_dummy=is_dummy,
        )
        for each in types
    ]


def _read_types(
    label: str, row: _Row, formula: Collection[str], names: list[str], notes: list[str]
) -> list[TypeSymbol]:
    text, name = row.get("type_symbol", "?"), row.get("label", "?")
    if text not in _UNKNOWN:
        found = parse_type_symbol(text)
        if found:
            return found
        reason = f"its element is not clear from {text!r}"
        remedy = "Give each site its element as _atom_site_type_symbol"
        raise make_host_error(label, reason, remedy, _name(row))
    symbol, readings = choose_element(name, formula, names)
    if symbol is None:
        reason = f"its element is not clear from {name!r}"
        if readings:
            reason += f" ({' or '.join(readings)}?)"
        remedy = "Give each site its element as _atom_site_type_symbol"
        raise make_host_error(label, reason, remedy, _name(row))
    if len(readings) > 1 and symbol in formula:
        notes.append(f"Site {name} is {symbol}: the label can mean {' or '.join(readings)}.")
    return [TypeSymbol(symbol)]


def _read_position(label: str, row: _Row) -> tuple[float, float, float] | None:
    texts = [row.get(key.removeprefix("_atom_site_"), "?") for key in COORDINATES]
    if any(text in _UNKNOWN for text in texts):
        return None
    values = [parse_number(text) for text in texts]
    if any(value is None for value in values):
        reason = f"its position is {' '.join(texts)}"
        remedy = "Write coordinates as decimal numbers, like 0.3333"
        raise make_host_error(label, reason, remedy, _name(row))
    x, y, z = (value for value in values if value is not None)
    return x, y, z


def _read_occupancy(label: str, row: _Row) -> float:
    text = row.get("occupancy", ".")
    value = 1.0 if text in _UNKNOWN else parse_number(text)
    if value is None or not 0 <= value <= 1 + 1e-3:
        reason = f"its occupancy is {text}"
        raise make_host_error(label, reason, "Write a number from 0 to 1", _name(row))
    return value


def _given(row: _Row, key: str) -> str:
    text = row.get(key, "")
    return "" if text in _UNKNOWN else text


def _name(row: _Row) -> str:
    name = row.get("label", "?")
    return f"site {row.get('type_symbol', '?') if name in _UNKNOWN else name}"


def _with_unique_labels(sites: list[ListedSite], notes: list[str]) -> tuple[ListedSite, ...]:
    counts = Counter(site.label for site in sites)
    taken = set(counts)
    seen: Counter[str] = Counter()
    found = []
    for site in sites:
        seen[site.label] += 1
        if seen[site.label] > 1:
            number = seen[site.label]
            while f"{site.label}_{number}" in taken:
                number += 1
            new = f"{site.label}_{number}"
            taken.add(new)
            notes.append(f"A second site with the label {site.label} is called {new} here.")
            site = replace(site, label=new)
        found.append(site)
    return tuple(found)
