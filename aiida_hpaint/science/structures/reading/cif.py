"""Records from CIF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures.cif_symmetry import read_operations
from aiida_hpaint.science.structures.elements import ISOTOPES, is_element
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock, parse_cif_blocks
from aiida_hpaint.science.structures.reading.cif_sites import COORDINATES, read_cif_sites
from aiida_hpaint.science.structures.reading.numbers import parse_number
from aiida_hpaint.science.structures.reading.text import SourceText
from aiida_hpaint.science.structures.records import Record, SpaceGroupName
from aiida_hpaint.science.types import FloatArray

__all__ = ["read_cif_records"]

_DENSITY = "_exptl_crystal_density"
_FORMULAS = ("sum", "moiety", "structural")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


def read_cif_records(path: Path, source: SourceText) -> list[Record | HostError]:
    """Read all crystals of a CIF: its blocks with coordinates, or the errors that they raise."""
    try:
        blocks = parse_cif_blocks(path.name, source.text)
        found = [block for block in blocks if COORDINATES[0] in block.values]
        if not found:
            remedy = "Give a CIF with _atom_site_fract_x, _y and _z"
            raise make_host_error(path.name, "it lists no sites", remedy)
    except HostError as error:
        return [error]
    stem = path.name.split(".cif")[0].split(".mcif")[0]
    outcomes: list[Record | HostError] = []
    for label, block in zip(_name_records(stem, found), found, strict=True):
        try:
            outcomes.append(_read_block(label, block, path.name, source))
        except HostError as error:
            outcomes.append(error)
    return outcomes


def _name_records(stem: str, blocks: list[CifBlock]) -> list[str]:
    if len(blocks) == 1:
        return [stem]
    labels, seen = [], Counter[str]()
    counts = Counter(block.name for block in blocks)
    for block in blocks:
        seen[block.name] += 1
        number = f"-{seen[block.name]}" if counts[block.name] > 1 else ""
        labels.append(f"{stem}-{block.name}{number}")
    return labels


def _read_block(label: str, block: CifBlock, name: str, source: SourceText) -> Record:
    notes = list(source.notes)
    cell = _read_cell(label, block, notes)
    old = {k: v if len(v) != 1 else v[0] for k, v in block.values.items()}
    operations = read_operations(label, old, cell)
    formulas = {
        kind: text for kind in _FORMULAS if (text := block.find(f"_chemical_formula_{kind}"))
    }
    sites, about_sites = read_cif_sites(label, block, _list_elements(formulas.get("sum", "")))
    number = parse_number(block.find(*_NUMBERS))
    density = {
        kind: _read_number(block, f"{_DENSITY}_{kind}", notes) for kind in ("diffrn", "meas")
    }
    return Record(
        label=label,
        source=name,
        block=block.name,
        cell=cell,
        operations=operations,
        sites=sites,
        space_group=SpaceGroupName(
            block.find(*_NAMES), block.find(*_HALLS), None if number is None else round(number)
        ),
        formulas=formulas,
        units=_read_number(block, "_cell_formula_units_z", notes),
        density={kind: value for kind, value in density.items() if value is not None},
        weight=_read_number(block, "_chemical_formula_weight", notes),
        notes=(*notes, *about_sites),
        text=block.text,
        format="cif",
        source_hash=source.sha256,
    )


_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_HALLS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")


def _read_cell(label: str, block: CifBlock, notes: list[str]) -> FloatArray:
    from gemmi import UnitCell

    lengths = [_read_positive(label, block, f"_cell_length_{name}") for name in "abc"]
    angles = []
    for name in ("alpha", "beta", "gamma"):
        tag = f"_cell_angle_{name}"
        if block.find(tag) is None:
            # What the core dictionary says of an angle that is not given.
            notes.append(f"{tag} is not given: it was taken as 90°.")
            angles.append(90.0)
        else:
            angles.append(_read_positive(label, block, tag))
    return np.array(UnitCell(*lengths, *angles).orth.mat.tolist(), dtype=np.float64).T


def _read_number(block: CifBlock, tag: str, notes: list[str]) -> float | None:
    text = block.find(tag)
    value = parse_number(text)
    if text is not None and value is None:
        notes.append(f"{tag} {text!r} is no number: it was left out.")
    return value


def _read_positive(label: str, block: CifBlock, tag: str) -> float:
    text = block.find(tag) or "?"
    value = parse_number(text)
    if value is None or value <= 0:
        raise make_host_error(label, f"it has no cell: {tag} is {text}", "Complete the CIF")
    return value


def _list_elements(formula: str) -> Collection[str]:
    found = {symbol for symbol in _SYMBOL.findall(formula) if is_element(symbol)}
    return found | ({"H"} if found & set(ISOTOPES) else set())
