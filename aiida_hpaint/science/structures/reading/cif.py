"""Records from CIF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures.elements import ISOTOPES, is_element
from aiida_hpaint.science.structures.errors import HostError, RecordError, make_host_error
from aiida_hpaint.science.structures.reading.cell import make_cell
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock, parse_cif_blocks
from aiida_hpaint.science.structures.reading.cif_sites import has_sites, read_cif_sites
from aiida_hpaint.science.structures.reading.cif_symmetry import read_cif_symmetry
from aiida_hpaint.science.structures.reading.listed_hydrogen import check_listed_hydrogen
from aiida_hpaint.science.structures.reading.numbers import parse_number
from aiida_hpaint.science.structures.reading.origin import check_origin
from aiida_hpaint.science.structures.reading.repeats import drop_repeated_sites
from aiida_hpaint.science.structures.reading.text import SourceText
from aiida_hpaint.science.structures.records import Record
from aiida_hpaint.science.types import FloatArray

__all__ = ["read_cif_records"]

_SAME_VOLUME = 0.01
_FORMULAS = ("sum", "moiety", "structural")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


def read_cif_records(path: Path, source: SourceText) -> list[Record | HostError]:
    """Read all crystals of a CIF: its blocks with sites, or the errors that they raise."""
    try:
        blocks, notes = parse_cif_blocks(path.name, source.text)
    except HostError as error:
        return [error]
    found = [block for block in blocks if isinstance(block, RecordError) or has_sites(block)]
    if not found:
        remedy = "Give a CIF with _atom_site_fract_x, _y and _z"
        return [make_host_error(path.name, "it lists no sites", remedy)]
    source = replace(source, notes=(*source.notes, *notes))
    outcomes: list[Record | HostError] = []
    for label, block in zip(_name_records(path, found), found, strict=True):
        try:
            if isinstance(block, RecordError):
                raise block
            outcomes.append(_read_block(label, block, path.name, source))
        except HostError as error:
            problems = [replace(each, label=label) for each in error.problems]
            formulas = _read_formulas(block) if isinstance(block, CifBlock) else {}
            units = _read_units(block, []) if isinstance(block, CifBlock) else None
            outcomes.append(RecordError(problems, block.name, formulas, units))
    return outcomes


def _name_records(path: Path, blocks: Sequence[CifBlock | RecordError]) -> list[str]:
    """Name records: by the file, by their block where there are several, and by number."""
    stem = re.sub(r"\.m?cif(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    if len(blocks) == 1:
        return [stem]
    names = [block.name for block in blocks]
    seen = Counter[str]()
    labels = []
    for name in names:
        seen[name] += 1
        number = f"-{seen[name]}" if names.count(name) > 1 else ""
        labels.append(f"{stem}-{name}{number}")
    return labels


def _read_block(label: str, block: CifBlock, name: str, source: SourceText) -> Record:
    notes = [*source.notes, *block.notes]
    cell = _read_cell(label, block, notes)
    space_group, symmetry = read_cif_symmetry(label, block, cell)
    formulas = _read_formulas(block)
    notes += symmetry.notes
    elements = _list_elements(formulas.get("sum") or formulas.get("moiety", ""))
    sites = read_cif_sites(label, block, elements, cell, notes)
    sites = check_listed_hydrogen(sites, symmetry.operations, notes)
    sites = drop_repeated_sites(sites, symmetry.operations, notes)
    check_origin(sites, symmetry.operations, notes)
    density = {
        kind: value
        for kind in ("diffrn", "meas")
        if (value := parse_number(block.find(f"_exptl_crystal_density_{kind}"))) is not None
    }
    units = _read_units(block, notes)
    weight = _read_number(block, "_chemical_formula_weight", notes)
    return Record(
        label=label,
        source=name,
        block=block.name,
        cell=cell,
        operations=symmetry.operations,
        sites=sites,
        space_group=space_group,
        formulas=formulas,
        units=units,
        density=density,
        weight=weight,
        notes=tuple(notes),
        text=block.text,
        format="cif",
        source_hash=source.sha256,
    )


def _read_formulas(block: CifBlock) -> dict[str, str]:
    found = {kind: block.find(f"_chemical_formula_{kind}") for kind in _FORMULAS}
    return {kind: text for kind, text in found.items() if text}


def _read_units(block: CifBlock, notes: list[str]) -> float | None:
    return _read_number(block, "_cell_formula_units_z", notes)


def _read_cell(label: str, block: CifBlock, notes: list[str]) -> FloatArray:
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
    cell = make_cell(label, [*lengths, *angles])
    _compare_volume(block, float(np.linalg.det(cell)), notes)
    return cell


def _compare_volume(block: CifBlock, volume: float, notes: list[str]) -> None:
    given = parse_number(block.find("_cell_volume"))
    if given and abs(given - volume) > _SAME_VOLUME * volume:
        notes.append(f"_cell_volume is {given:g} Å³, but its lengths and angles make {volume:.6g}.")


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
