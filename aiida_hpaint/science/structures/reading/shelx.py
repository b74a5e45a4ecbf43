"""Records from SHELX files (.res, .ins; G. M. Sheldrick, Acta Cryst. C 71, 3 (2015))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures.elements import is_element
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.file_limits import check_site_count
from aiida_hpaint.science.structures.reading.cell import make_cell
from aiida_hpaint.science.structures.reading.expand import find_images
from aiida_hpaint.science.structures.reading.labels import number_labels
from aiida_hpaint.science.structures.reading.numbers import parse_number
from aiida_hpaint.science.structures.reading.operations import (
    Operation,
    multiply_operations,
)
from aiida_hpaint.science.structures.reading.repeats import drop_repeated_sites
from aiida_hpaint.science.structures.reading.symmetry import make_group, parse_operations
from aiida_hpaint.science.structures.reading.text import SourceText
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

__all__ = ["read_shelx_records"]

_CENTRINGS = {
    1: ["x,y,z"],
    2: ["x,y,z", "x+1/2,y+1/2,z+1/2"],
    3: ["x,y,z", "x+2/3,y+1/3,z+1/3", "x+1/3,y+2/3,z+2/3"],
    4: ["x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z"],
    5: ["x,y,z", "x,y+1/2,z+1/2"],
    6: ["x,y,z", "x+1/2,y,z+1/2"],
    7: ["x,y,z", "x+1/2,y+1/2,z"],
}
"""Centring translations by the number of LATT: P, I, R (obverse), F, A, B, C."""

_HYDROGENS = {1: 1, 2: 2, 3: 3, 4: 1, 8: 1, 9: 2, 13: 3, 14: 1, 15: 1, 16: 1}
"""Number of H atoms that AFIX and HFIX put on an atom, by the first digits of their code."""

_FULL = 2e-3
"""How far from one an occupancy may be by the rounding of its code: 10.08333 is 1/12."""

_ATOM = re.compile(r"[A-Za-z][A-Za-z0-9'*\"+-]{0,3}(_\S+)?")
_PEAK = re.compile(r"Q\d+", re.IGNORECASE)


@dataclass
class _Model:
    """What the instructions of a file have said so far."""

    cell: list[float] = field(default_factory=list)
    units: float | None = None
    lattice: int = 1
    operations: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    contents: list[float] = field(default_factory=list)
    variables: list[float] = field(default_factory=list)
    part: int = 0
    part_code: float | None = None
    residue: str = ""
    attached: dict[str, int] = field(default_factory=dict)
    peaks: int = 0
    atoms: list[_Atom] = field(default_factory=list)


@dataclass(frozen=True)
class _Atom:
    """One line with an atom, codes as they are."""

    label: str
    scattering: int
    position: tuple[float, float, float]
    code: float
    part: int


def read_shelx_records(path: Path, source: SourceText) -> list[Record | HostError]:
    """Read the crystal of a SHELX file, with all atoms and symmetry operations of its cell."""
    label = re.sub(r"\.(res|ins)(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    try:
        return [_read(label, path.name, source)]
    except HostError as error:
        return [error]


def _read(label: str, name: str, source: SourceText) -> Record:
    model = _Model()
    for words in _list_instructions(source.text):
        try:
            _follow(label, model, words)
        except HostError:
            raise
        except (ValueError, IndexError, OverflowError) as error:
            reason = f"it cannot be read at {' '.join(words)[:60]!r}"
            raise make_host_error(label, reason, "Correct the file") from error
    if len(model.cell) != 6:
        reason = "it has no CELL with six lengths and angles, as files of SHELX have"
        raise make_host_error(label, reason, "Complete it, or convert it to CIF")
    cell = make_cell(label, model.cell)
    symmetry = make_group(label, _list_operations(label, model), cell)
    notes = [*source.notes, *symmetry.notes]
    if model.peaks:
        notes.append(f"{model.peaks} peaks of the difference map (Q) were left out.")
    check_site_count(label, len(model.atoms))
    full: list[str] = []
    sites = [_make_site(label, model, atom, symmetry.operations, full) for atom in model.atoms]
    if full:
        about = "Sites on special positions whose codes are those of general ones were taken as"
        notes.append(f"{about} fully occupied: {', '.join(full)}.")
    return Record(
        label=label,
        source=name,
        block="",
        cell=cell,
        operations=symmetry.operations,
        sites=drop_repeated_sites(number_labels(sites, notes), symmetry.operations, notes),
        formulas=_find_formula(model),
        units=model.units,
        notes=tuple(notes),
        text=source.text,
        format="shelx",
        source_hash=source.sha256,
    )


def _list_instructions(text: str) -> Iterator[list[str]]:
    """Yield the words of each instruction up to END, continuation lines joined."""
    joined, is_fragment = "", False
    for line in text.splitlines():
        joined += line.split("!")[0].rstrip()
        if joined.endswith("="):
            joined = joined[:-1] + " "
            continue
        instruction, joined = joined, ""
        words = instruction.split()
        # Lines that begin with a blank are comments.
        keyword = "REM" if not words or instruction[0].isspace() else words[0].upper()[:4]
        if keyword == "END":
            return
        is_fragment = keyword == "FRAG" or (is_fragment and keyword != "FEND")
        if not is_fragment and keyword not in ("REM", "TITL"):
            yield words


def _follow(label: str, model: _Model, words: list[str]) -> None:
    keyword, numbers = words[0].upper().split("_")[0], words[1:]
    if keyword == "CELL":
        model.cell = [float(number) for number in numbers[1:7]]
    elif keyword == "ZERR":
        model.units = float(numbers[0]) or None
    elif keyword == "LATT":
        model.lattice = int(numbers[0])
    elif keyword == "SYMM":
        model.operations.append("".join(numbers))
    elif keyword == "SFAC":
        _add_elements(label, model, numbers)
    elif keyword == "UNIT":
        model.contents = [float(number) for number in numbers]
    elif keyword == "FVAR":
        model.variables += [float(number) for number in numbers]
    elif keyword == "PART":
        model.part = int(numbers[0])
        model.part_code = float(numbers[1]) if len(numbers) > 1 else None
    elif keyword == "RESI":
        model.residue = next((word for word in numbers if word.lstrip("-").isdigit()), "")
    elif keyword == "HFIX":
        count = _HYDROGENS.get(int(float(numbers[0])) // 10)
        model.attached |= {name.upper(): count for name in numbers[1:] if count}
    elif keyword == "MOVE" or keyword.startswith("+"):
        reason = f"its instruction {' '.join(words)} changes or adds atoms"
        raise make_host_error(label, reason, "Give the file that SHELXL writes (.res)")
    else:
        _add_atom(model, words)


def _add_elements(label: str, model: _Model, words: list[str]) -> None:
    # With numbers, it is one element and its scattering factor.
    names = words[:1] if len(words) > 1 and parse_number(words[1]) is not None else words
    for name in names:
        symbol = name.lstrip("$").capitalize()
        if not is_element(symbol):
            reason = f"its SFAC names {name}, which is no element"
            raise make_host_error(label, reason, "Correct the file")
        model.elements.append(symbol)


def _add_atom(model: _Model, words: list[str]) -> None:
    """Add an atom if the line is one: a name, an integer, and three coordinates."""
    if len(words) < 5 or not _ATOM.fullmatch(words[0]) or not words[1].isdigit():
        return
    values = [parse_number(word) for word in words[2:6]]
    numbers = [value for value in values if value is not None]
    if len(numbers) < 3:
        return
    if _PEAK.fullmatch(words[0]):
        model.peaks += 1
        return
    code = numbers[3] if len(numbers) > 3 else 11.0
    code = code if model.part_code is None else model.part_code
    suffix = f"_{model.residue}" if model.residue not in ("", "0") else ""
    position = (numbers[0], numbers[1], numbers[2])
    model.atoms.append(_Atom(words[0] + suffix, int(words[1]), position, code, model.part))


def _list_operations(label: str, model: _Model) -> list[Operation]:
    if abs(model.lattice) not in _CENTRINGS:
        raise make_host_error(label, f"its LATT is {model.lattice}", "Write a number from 1 to 7")
    found = parse_operations(label, ["x,y,z", *model.operations])
    inversion = ["x,y,z", "-x,-y,-z"] if model.lattice > 0 else ["x,y,z"]
    for more in (inversion, _CENTRINGS[abs(model.lattice)]):
        found = multiply_operations(found, parse_operations(label, more))
    return found


def _make_site(
    label: str, model: _Model, atom: _Atom, operations: SymmetryOperations, full: list[str]
) -> ListedSite:
    """Make a site; `full` takes the label of one that is taken as fully occupied."""
    if not 0 < atom.scattering <= len(model.elements):
        reason = f"its scattering factor is number {atom.scattering}, and SFAC has no such"
        raise make_host_error(label, reason, "Correct the file", f"site {atom.label}")
    x, y, z = (_decode(label, model, atom.label, value) for value in atom.position)
    share = _decode(label, model, atom.label, atom.code)
    # Codes count the atom per asymmetric unit: 1/2 for a full site on a mirror plane.
    multiplicity = len(find_images(np.array([x, y, z]), operations))
    occupancy = share * len(operations) / multiplicity
    if abs(share - 1) < _FULL and occupancy > 1 + _FULL:
        full.append(atom.label)
        occupancy = 1.0
    if not 0 <= occupancy <= 1 + _FULL:
        reason = f"its occupancy is {occupancy:.4g} (code {atom.code:g})"
        raise make_host_error(label, reason, "Correct the file", f"site {atom.label}")
    variable = abs(round(atom.code / 10))
    return ListedSite(
        label=atom.label,
        symbol=model.elements[atom.scattering - 1],
        position=(x, y, z),
        occupancy=1.0 if abs(occupancy - 1) < _FULL else occupancy,
        assembly=str(variable) if atom.part and variable > 1 else "",
        group=str(atom.part) if atom.part else "",
        attached_hydrogens=model.attached.get(atom.label.upper()),
    )


def _decode(label: str, model: _Model, name: str, value: float) -> float:
    """Decode a parameter: 10 + p is p, kept fixed; 10 m + p is p times free variable m."""
    variable = round(value / 10)
    rest = value - 10 * variable
    if abs(variable) < 2:
        return rest
    if abs(variable) > len(model.variables):
        reason = f"it refers to free variable {abs(variable)}, and FVAR has no such"
        raise make_host_error(label, reason, "Complete FVAR", f"site {name}")
    free = model.variables[abs(variable) - 1]
    return rest * free if variable > 0 else rest * (free - 1)


def _find_formula(model: _Model) -> dict[str, str]:
    """Return the formula of the cell or, where Z divides it, of the unit.

    A file without H among its scattering factors says nothing of H.
    """
    counts = dict(zip(model.elements, model.contents, strict=False))
    if len(counts) != len(model.elements) or not {"H", "D"} & set(counts):
        return {}
    units = model.units or 1.0
    return {"sum": " ".join(f"{symbol}{count / units:g}" for symbol, count in counts.items())}
