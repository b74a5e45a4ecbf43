"""The list of sites of a CIF: rows of the source kept, rows of inserted sites appended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.structures.writing.cif_items import LoopTable
from aiida_hpaint.science.structures.writing.cif_text import (
    format_number,
    format_position,
    quote_text,
)
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.displacement_parameters import choose_factor
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite
from aiida_hpaint.science.structures.writing.versions import INSERTED, RELAXED, Version

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["AtomLoop", "edit_atom_loop"]

_DIGITS = 5
"""Decimals of calculated coordinates: 0.0001 Å in a cell of 10 Å."""

_HOST_DIGITS = 8
"""Decimals of coordinates of host sites as measured that no text of the source has."""

_SAME = 1e-6
"""Difference of fractional coordinates up to which those in the text are kept."""

_SAME_OCCUPANCY = 1e-3

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class AtomLoop:
    """What was done to the list of sites.

    Attributes
    ----------
    table
        The list.
    has_other_sites
        Whether rows of atoms were dropped, split or moved, so that other loops that refer to
        labels are out of date.
    notes
        What changed, one sentence each.
    """

    table: LoopTable
    has_other_sites: bool
    notes: tuple[str, ...]


def edit_atom_loop(block: cif.Block, crystal: RestoredCrystal) -> AtomLoop:
    """Bring the list of sites of a block up to date with a restored crystal.

    Rows of the source keep their values; those of split sites are repeated with other coordinates.
    Rows without coordinates or with occupancy 0, of dummies, and of atoms that the host does not
    have (disorder) are dropped. Rows of inserted sites follow at the end.
    """
    table = LoopTable.find(block, "_atom_site_", "fract_x")
    listed = [site for site in crystal.sites if not site.is_inserted]
    places = [_find_row(table, crystal, site) for site in listed]
    notes, others = _describe_dropped(table, crystal, places)
    if len(table):
        table.append({})  # sites that the source does not have
        table.take(len(table) - 1 if row is None else row for row in places)
    _fill_host_rows(table, crystal, listed, places)
    _add_columns(table, block, crystal, listed, crystal.source.record is not None)
    for site in crystal.sites:
        if site.is_inserted:
            table.append(_make_row(table, crystal, listed, site))
    _count_attached(table, crystal, listed)
    table.write()
    split = any(not site.is_first for site in listed)
    return AtomLoop(table, others or split or crystal.version == RELAXED, notes)


def _find_row(table: LoopTable, crystal: RestoredCrystal, site: UniqueSite) -> int | None:
    """Return the row of the source that a site of the host has; None for sites without one."""
    if not len(table) or not site.listed:
        return None
    name = (crystal.source.listed or {}).get(site.listed, site.listed)
    labels = table.texts("label")
    if labels.count(name) == 1:
        return labels.index(name)
    record = crystal.source.record
    order = [] if record is None else [each.label for each in record.sites]
    if len(order) == len(labels) and name in order:
        return order.index(name)  # labels that the file has twice
    shorter = name.rsplit("-", 1)[0]  # one row with several elements
    return labels.index(shorter) if shorter in labels else None


def _has_no_atom(table: LoopTable, row: int) -> bool:
    is_empty = _read_number(table.texts("occupancy")[row] or "1") == 0
    is_dummy = table.texts("calc_flag")[row].lower() == "dum"
    return is_empty or is_dummy or table.texts("fract_x")[row] in ("?", ".", "")


def _describe_dropped(
    table: LoopTable, crystal: RestoredCrystal, places: list[int | None]
) -> tuple[tuple[str, ...], bool]:
    labels = table.texts("label")
    gone = [row for row in range(len(table)) if row not in places]
    empty = [row for row in gone if _has_no_atom(table, row)]
    others = [row for row in gone if row not in empty]
    notes = []
    if empty:
        names = ", ".join(labels[row] for row in empty)
        notes.append(
            f"Rows without position, with occupancy 0 or for dummies were dropped: {names}."
        )
    if others:
        names = ", ".join(labels[row] for row in others)
        notes.append(f"Rows of atoms that the ordered host does not have were dropped: {names}.")
    return tuple(notes), bool(others)


def _fill_host_rows(
    table: LoopTable,
    crystal: RestoredCrystal,
    listed: list[UniqueSite],
    places: list[int | None],
) -> None:
    """Write labels, elements, positions and occupancies of host sites where they differ."""
    if not table.columns:
        for name in ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"):
            table.add_column(name, ["?"] * len(listed))
    for row, (site, place) in enumerate(zip(listed, places, strict=True)):
        table.columns["label"][row] = quote_text(site.label)
        if "type_symbol" in table.columns:
            symbol = table.texts("type_symbol")[row]
            if not re.fullmatch(rf"{site.symbol}(?![a-z])[0-9+.-]*", symbol):
                table.columns["type_symbol"][row] = site.symbol
        _write_position(table, row, site, crystal.version)
        if "occupancy" in table.columns:
            text = table.texts("occupancy")[row]
            if place is None or (text != "." and not abs(_read_number(text) - 1) < _SAME_OCCUPANCY):
                table.columns["occupancy"][row] = "1"
                for name in ("disorder_assembly", "disorder_group"):
                    if name in table.columns:
                        table.columns[name][row] = "."


def _write_position(table: LoopTable, row: int, site: UniqueSite, version: Version) -> None:
    given = [_read_number(table.texts(f"fract_{axis}")[row]) for axis in "xyz"]
    if version == INSERTED and np.abs(np.array(given) - site.position).max() <= _SAME:
        return  # as the source has it, with its standard uncertainties
    texts = format_position(site.position, _DIGITS)
    if version == INSERTED:
        texts = [format_number(value, _HOST_DIGITS) for value in site.position.tolist()]
    for axis, text in zip("xyz", texts, strict=True):
        table.columns[f"fract_{axis}"][row] = text


def _add_columns(
    table: LoopTable,
    block: cif.Block,
    crystal: RestoredCrystal,
    listed: list[UniqueSite],
    has_source: bool,
) -> None:
    """Add the columns that inserted sites need, with the values of the other rows."""
    if "type_symbol" not in table.columns:
        table.add_column("type_symbol", [site.symbol for site in listed])
    if crystal.version == RELAXED:
        table.add_column("calc_flag", ["c"] * len(listed))
    elif "calc_flag" not in table.columns:
        table.add_column("calc_flag", ["d" if has_source else "?"] * len(listed))
    if "calc_attached_atom" not in table.columns:
        table.add_column("calc_attached_atom", ["."] * len(listed))
    name = "site_symmetry_multiplicity"
    if name not in table.columns or not crystal.keeps_symmetry:
        table.add_column(name, [str(len(site.members)) for site in listed])
    if not crystal.keeps_symmetry:
        order = len(crystal.symmetry.operations)
        new = {
            "wyckoff_symbol": ["?"] * len(listed),
            "site_symmetry_order": [str(order // len(site.members)) for site in listed],
        }
        for outdated in new.keys() & set(table.columns):
            table.add_column(outdated, new[outdated])
    has_u = {"u_iso_or_equiv", "b_iso_or_equiv"} & set(table.columns)
    if has_u and not {"adp_type", "thermal_displace_type"} & set(table.columns):
        aniso = set(LoopTable.find(block, "_atom_site_aniso_", "label").texts("label"))
        kinds = ["Uani" if label in aniso else "Uiso" for label in table.texts("label")]
        table.add_column("adp_type", kinds)


def _make_row(
    table: LoopTable, crystal: RestoredCrystal, listed: list[UniqueSite], site: UniqueSite
) -> dict[str, str]:
    """Return the values of an inserted site for the columns that there are."""
    x, y, z = format_position(site.position, _DIGITS)
    values = {
        "label": site.label,
        "type_symbol": site.symbol,
        "fract_x": x,
        "fract_y": y,
        "fract_z": z,
        "occupancy": "1",
        "calc_flag": "c",
        "calc_attached_atom": quote_text(site.parent) if site.parent else ".",
        "site_symmetry_multiplicity": str(len(site.members)),
        "adp_type": "Uiso",
        "thermal_displace_type": "Uiso",
        "attached_hydrogens": "0",
        "disorder_assembly": ".",
        "disorder_group": ".",
        "refinement_flags": "R",
        "refinement_flags_posn": "R",
        "refinement_flags_adp": "U",
        "refinement_flags_occupancy": ".",
        "site_symmetry_order": str(len(crystal.symmetry.operations) // len(site.members)),
        "symmetry_multiplicity": _follow_convention(table, crystal, listed, site),
    }
    carriers = [row for row, each in enumerate(listed) if each.label == site.parent]
    for name in ("u_iso_or_equiv", "b_iso_or_equiv"):
        if name in table.columns and carriers:
            parent = _read_number(table.texts(name)[carriers[0]])
            factor = choose_factor(crystal, site)
            values[name] = format_number(factor * parent, 4) if parent > 0 else "?"
    return values


def _follow_convention(
    table: LoopTable, crystal: RestoredCrystal, listed: list[UniqueSite], site: UniqueSite
) -> str:
    """Return the old item `symmetry_multiplicity`, in which SHELXL wrote the order of the site."""
    if "symmetry_multiplicity" not in table.columns:
        return "?"
    group = len(crystal.symmetry.operations)
    given = [_read_number(text) for text in table.texts("symmetry_multiplicity")[: len(listed)]]
    if given == [len(each.members) for each in listed]:
        return str(len(site.members))
    return str(group // len(site.members))


def _count_attached(table: LoopTable, crystal: RestoredCrystal, listed: list[UniqueSite]) -> None:
    """Take H that are listed now from the numbers of H that the rows leave out."""
    if "attached_hydrogens" not in table.columns:
        return
    sizes = {site.label: len(site.members) for site in listed}
    for row, site in enumerate(listed):
        left = _read_number(table.texts("attached_hydrogens")[row])
        gained = sum(
            len(each.members) / sizes[site.label]
            for each in crystal.sites
            if each.is_inserted and each.parent == site.label
        )
        if left > 0 and gained:
            table.columns["attached_hydrogens"][row] = f"{max(left - round(gained), 0):g}"


def _read_number(text: str) -> float:
    found = _NUMBER.match(text.strip())
    return float(found.group()) if found else float("nan")
