"""Structures of inputs of Quantum ESPRESSO (pw.x and cp.x), with all Bravais lattices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.conversion import from_ase, note_isotopes
from aiida_hpaint.science.structures.elements import ISOTOPES, get_atomic_number, is_element
from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.file_limits import check_site_count
from aiida_hpaint.science.structures.reading.expressions import evaluate
from aiida_hpaint.science.structures.reading.text import SourceText
from aiida_hpaint.science.types import FloatArray

__all__ = ["is_pw_input", "read_pw_input"]

_SYSTEM = re.compile(r"^[ \t]*&system\b.*?(?:/|&end\b)[ \t]*$", re.I | re.M | re.S)
_COMMENT = re.compile(r"![^\n]*|^[ \t]*#[^\n]*", re.M)
_SETTING = re.compile(
    r"\b(ibrav|nat|space_group|[abc]|cos(?:ab|ac|bc)|celldm\s*\(\s*\d\s*\))\s*=\s*([^\s,!]+)",
    re.IGNORECASE,
)
_CARD = re.compile(
    r"^[ \t]*(ATOMIC_POSITIONS|CELL_PARAMETERS|ATOMIC_SPECIES)\b[ \t{('\"]*(\w*)", re.I | re.M
)
_END = re.compile(
    r"[&/]|(ATOMIC_\w{6,}|CELL_PARAMETERS|(ADDITIONAL_)?K_POINTS|CONSTRAINTS|OCCUPATIONS|SOLVENTS"
    r"|HUBBARD)\b",
    re.IGNORECASE,
)
"""Beginning of what follows a card."""
_CP = re.compile(r"calculation\s*=\s*['\"](?:vc-)?cp", re.IGNORECASE)
_SAME_MASS = 0.1
"""How far the mass of a species may be from that of its element, as a share."""


def is_pw_input(text: str) -> bool:
    """Return whether a text is an input of pw.x or cp.x."""
    cards = {match[1].upper() for match in _CARD.finditer(text)}
    return (
        "ATOMIC_POSITIONS" in cards and re.search(r"^\s*&system\b", text, re.I | re.M) is not None
    )


def read_pw_input(path: Path, source: SourceText) -> StructureBatch:
    """Read the structure of an input of pw.x or cp.x.

    Raises
    ------
    HostError
        If the input has no lattice, lists the atoms of an asymmetric unit only, or several images.
    """
    from ase import Atoms

    label, text = path.stem, _COMMENT.sub("", source.text)
    settings = _read_system(label, text)
    cards = _read_cards(label, text)
    if "space_group" in settings or "_sg" in cards["ATOMIC_POSITIONS"][0]:
        reason = "it lists the atoms of an asymmetric unit (space_group)"
        raise make_host_error(label, reason, "List all atoms, as the output of pw.x does")
    unit, rows = cards["ATOMIC_POSITIONS"]
    notes = list(source.notes)
    if not unit:
        unit = "bohr" if _CP.search(text) else "alat"
        notes.append(f"ATOMIC_POSITIONS names no unit: {unit} was taken.")
    atoms = _take_atoms(label, rows, settings.get("nat", str(len(rows))))
    masses = {row[0]: row[1] for row in cards.get("ATOMIC_SPECIES", ("", []))[1] if len(row) > 1}
    numbers = [_find_number(label, row[0], masses.get(row[0], "")) for row in atoms]
    given = [[_read_coordinate(label, word) for word in row[1:4]] for row in atoms]
    cell, positions = _convert(label, settings, cards.get("CELL_PARAMETERS"), unit, given)
    frame = Atoms(numbers=numbers, positions=positions, cell=cell, pbc=True)
    about = {"label": label, "source": path.name, "source_hash": source.sha256}
    names = [row[0][0].upper() for row, number in zip(atoms, numbers, strict=True) if number == 1]
    frame.info = note_isotopes(label, about, Counter(one for one in names if one in ISOTOPES))
    frame.info |= {"notes": notes} if notes else {}
    return from_ase([frame])


def _read_system(label: str, text: str) -> dict[str, str]:
    """Read the settings of &SYSTEM that are about the structure."""
    match = _SYSTEM.search(re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "''", text))
    if match is None:
        raise make_host_error(label, "its &SYSTEM does not end with /", "Add the / that ends it")
    # A / within a value, with which pw.x stops reading, stays in it, so that it is no number.
    return {
        re.sub(r"\s", "", name).lower(): value.removesuffix("/")
        for name, value in _SETTING.findall(match[0])
    }


def _read_cards(label: str, text: str) -> dict[str, tuple[str, list[list[str]]]]:
    """Read units and rows of the cards that are about the structure."""
    found: dict[str, tuple[str, list[list[str]]]] = {}
    for match in _CARD.finditer(text):
        name = match[1].upper()
        if name in found:
            reason = f"it gives {name} twice, as the images of neb.x do"
            raise make_host_error(label, reason, "Make a file of each image")
        rows = []
        for line in text[match.end() :].splitlines()[1:]:
            words = line.split()
            if words and _END.match(words[0]):
                break
            if words:
                rows.append(words)
        found[name] = (match[2].lower(), rows)
    return found


def _take_atoms(label: str, rows: list[list[str]], nat: str) -> list[list[str]]:
    """Return the rows of atoms, each with three coordinates."""
    count = round(_read_number(label, nat))
    check_site_count(label, count)
    if not 0 < count <= len(rows):
        remedy = "Correct nat, or list all atoms"
        raise make_host_error(label, f"it has nat = {count}, and lists {len(rows)}", remedy)
    for row in rows[:count]:
        if len(row) < 4:
            reason = f"an atom has fewer than three coordinates: {' '.join(row)!r}"
            raise make_host_error(label, reason, "Give x, y and z of each atom")
    return rows[:count]


def _find_number(label: str, name: str, mass: str) -> int:
    """Return the atomic number of a species such as Fe1, H_b or Ow, by its mass if that decides."""
    from ase.data import atomic_masses

    letters = (re.match("[A-Za-z]*", name) or [""])[0]
    symbols = (letters[:2].capitalize(), letters[:1].upper())
    readings = [get_atomic_number(symbol) for symbol in symbols if is_element(symbol)]
    for number in readings:
        given, expected = _to_number(mass) or 0.0, float(atomic_masses[number])
        if abs(given - expected) < _SAME_MASS * expected:
            return number
    if not readings:
        reason = f"its species {name} is no element"
        raise make_host_error(label, reason, "Begin its name with the symbol of its element")
    return readings[0]


def _convert(
    label: str,
    settings: Mapping[str, str],
    vectors: tuple[str, list[list[str]]] | None,
    unit: str,
    positions: Sequence[Sequence[float]],
) -> tuple[FloatArray, FloatArray]:
    """Return the cell and the positions (Å)."""
    from qe_tools.parsers import PwInputFile

    def write(row: Iterable[float]) -> str:
        return " ".join(f"{value:.16f}" for value in row)

    lattice = round(_read_number(label, settings.get("ibrav", "0")))
    if not lattice and vectors is None:
        remedy = "Add the card with the lattice vectors, or give ibrav"
        raise make_host_error(label, "it has ibrav = 0 and no CELL_PARAMETERS", remedy)
    # qe_tools has the first two vectors of this lattice in the other order than pw.x.
    is_swapped = lattice == -9
    order = (1, 0, 2) if is_swapped and unit == "crystal" else (0, 1, 2)
    # qe_tools is strict on how inputs are written, so that it gets a plain one.
    lines = ["&SYSTEM", f"ibrav = {lattice}"]
    lines += [
        f"{name} = {_read_number(label, value):.16f}"
        for name, value in settings.items()
        if name != "ibrav"
    ]
    lines += ["/", "K_POINTS gamma", "ATOMIC_SPECIES", "H 1.0 H.UPF", f"ATOMIC_POSITIONS {unit}"]
    lines += [f"H {write([row[axis] for axis in order])}" for row in positions]
    if vectors is not None:
        lines.append(f"CELL_PARAMETERS {vectors[0]}")
        lines += [write(_read_number(label, word) for word in row[:3]) for row in vectors[1][:3]]
    try:
        found = PwInputFile("\n".join(lines)).structure
    except Exception as error:  # anything, AssertionError included
        reason = f"it cannot be read ({' '.join(str(error).split())[:160]})"
        raise make_host_error(label, reason, "Check &SYSTEM and the cards") from error
    cell = np.array(found["cell"])
    return cell[[1, 0, 2]] if is_swapped else cell, np.array(found["positions"])


def _read_number(label: str, word: str) -> float:
    value = _to_number(word)
    if value is None or not isfinite(value):
        reason = f"{word!r} is no number"
        raise make_host_error(label, reason, "Write decimal numbers, like 0.3333")
    return value


def _read_coordinate(label: str, word: str) -> float:
    value = evaluate(word)
    if value is None:
        reason = f"its coordinate {word!r} is no number and no expression that pw.x knows"
        remedy = "Write numbers, with + - * / ^ and parentheses at most, like 1/3"
        raise make_host_error(label, reason, remedy)
    return value


def _to_number(word: str) -> float | None:
    try:
        return float(re.sub("[dD]", "e", word))
    except ValueError:
        return None
