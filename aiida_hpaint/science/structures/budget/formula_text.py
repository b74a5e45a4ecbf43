"""Chemical formulas as text: `C12 H10 O2`, `Mg (O H)2`, `Mg 2+, 2(H O -)`, `Ca S O4 . 2H2 O`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from aiida_hpaint.science.structures.elements import ISOTOPES, is_element
from aiida_hpaint.science.structures.file_limits import MAX_FORMULA

_DOT = re.compile(r"(?<=[\w)\]}])\.(?=\d*[A-Z(\[{])")
"""A dot that may separate parts as well as be a decimal point: CaSO4.2H2O, Fe0.95O."""

_TYPESETTING = re.compile(r"\^[^^\s]*\^|</?su[bp]>|[\\~]", re.IGNORECASE)
"""Superscripts, that is charges, and marks of subscripts and of special characters."""

_CAPITALS = re.compile(r"[A-Z]{1,2}[\d.]*")

_WATER = "water"
"""Key of the number of water molecules beside those of elements."""

_TOKEN = re.compile(
    r"""(?P<charge>\d*[+-])
    | (?P<number>\d+\.\d+|\d+|(?<![\w)\]}])\.\d+|(?<![\d)\]}])\.\d+(?=[\s)\]},]|$))
    | (?P<element>[A-Z][a-z]?)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<next>[,.;*·•⋅∙])
    | (?P<repeat>n(?![a-z]))
    | (?P<times>[xX\u00d7](?![a-z]))
    | (?P<ignored>[\s~_'"])""",
    re.VERBOSE,
)


def read_formula(text: str) -> list[dict[str, float]]:
    """Return the numbers of atoms of a formula by each reading of its dots, decimals first.

    Raises
    ------
    ValueError
        If the text is no formula by any reading, or has more than `MAX_FORMULA` characters.
    """
    if len(text) > MAX_FORMULA:
        raise ValueError(
            f"the formula {text[:40]!r} and so on has {len(text)} characters, "
            f"and at most {MAX_FORMULA} are read"
        )
    found, errors = list[dict[str, float]](), list[ValueError]()
    for reading in _list_readings(text):
        try:
            counts = parse_formula(reading)
        except ValueError as error:
            errors.append(error)
            continue
        if counts not in found:
            found.append(counts)
    if not found:
        raise errors[0]
    return found


def _list_readings(text: str) -> list[str]:
    """List the readings of a formula, without typesetting, the most likely first.

    Dots are decimal points or separators; symbols in capitals (`CA H4 O6 S`) may be elements.
    """
    plain = unicodedata.normalize("NFKC", _TYPESETTING.sub("", text)).replace("\u2212", "-")
    readings = [plain, _DOT.sub(" . ", plain)]
    words = plain.split()
    if all(_CAPITALS.fullmatch(word) for word in words):
        readings.append(" ".join(word.capitalize() for word in words))
    return list(dict.fromkeys(readings))


def write_formula(counts: Mapping[str, float]) -> str:
    """Write numbers of atoms as text: C and H first, then by the alphabet."""
    order = sorted(counts, key=lambda symbol: ({"C": "", "H": " "}.get(symbol, symbol), symbol))
    return " ".join(f"{symbol}{counts[symbol]:g}" for symbol in order)


def parse_formula(text: str) -> dict[str, float]:
    """Count the atoms of a formula; deuterium and tritium count as H.

    Brackets, factors before and behind them, parts that are separated by commas or dots, charges
    and the `n` of polymers (taken as one) are understood.

    Raises
    ------
    ValueError
        If the text is no formula.
    """
    counts = _count_all(text)
    counts.pop(_WATER, None)
    return {element: count for element, count in counts.items() if count}


def has_only_water(text: str) -> bool:
    """Return whether a formula has H, all of it in water molecules: `Cu S O4 (H2 O)5`."""
    for reading in _list_readings(text):
        try:
            counts = _count_all(reading)
        except ValueError:
            continue
        if counts.get("H") and counts["H"] == 2 * counts.get(_WATER, 0.0):
            return True
    return False


def _count_all(text: str) -> dict[str, float]:
    """Count the atoms of a formula, and its parts and brackets that are water molecules."""
    tokens = _split(text)
    counts, end = _read_parts(text, tokens, 0)
    if end != len(tokens) or not counts:
        raise ValueError(f"the formula {text!r} cannot be read")
    return counts


def _split(text: str) -> list[tuple[str, str]]:
    tokens, position = list[tuple[str, str]](), 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"the formula {text!r} cannot be read from {text[position:]!r} on")
        kind = str(match.lastgroup)
        if kind == "times":
            # Between parts x stands for a dot, before one and in 2-x for a number that nobody
            # knows, and behind the factor of one for nothing.
            before = [kind for kind, _ in tokens[-2:]]
            if not before or before[-1] in ("next", "open") or text[position - 1] in "+-":
                raise ValueError(f"the formula {text!r} does not say how many {match[0]} are")
            kind = "repeat" if before in (["number"], ["next", "number"]) else "next"
        if kind not in ("ignored", "charge", "repeat"):
            tokens.append((kind, match[0]))
        position = match.end()
    return tokens


def _read_parts(
    text: str, tokens: list[tuple[str, str]], start: int
) -> tuple[dict[str, float], int]:
    """Read up to the bracket that closes this level; a number before a part multiplies it."""
    total, part = dict[str, float](), dict[str, float]()
    factor, position = 1.0, start
    while position < len(tokens) and tokens[position][0] != "close":
        kind, value = tokens[position]
        if kind == "next":
            _add(total, part, factor)
            part, factor = dict[str, float](), 1.0
        elif kind == "number":
            if part:
                raise ValueError(f"the formula {text!r} cannot be read: {value} stands alone")
            factor *= float(value)
        else:
            group, position = _read_group(text, tokens, position)
            following = tokens[position + 1] if position + 1 < len(tokens) else ("", "")
            is_count = following[0] == "number"
            _add(part, group, float(following[1]) if is_count else 1.0)
            position += is_count
        position += 1
    _add(total, part, factor)
    return total, position


def _read_group(
    text: str, tokens: list[tuple[str, str]], position: int
) -> tuple[dict[str, float], int]:
    """Read an element or a bracket; return its atoms and the index of its last token."""
    kind, value = tokens[position]
    if kind == "element":
        if not is_element(value):
            raise ValueError(f"the formula {text!r} cannot be read: {value} is no element")
        return {"H" if value in ISOTOPES else value: 1.0}, position
    group, end = _read_parts(text, tokens, position + 1)
    if end >= len(tokens):
        raise ValueError(f"the formula {text!r} cannot be read: a bracket is not closed")
    return group, end


def _add(total: dict[str, float], part: dict[str, float], factor: float) -> None:
    """Add a part, a number of times; a water molecule is counted as such, too."""
    if part == {"H": 2.0, "O": 1.0}:
        part = {**part, _WATER: 1.0}
    for element, count in part.items():
        total[element] = total.get(element, 0.0) + factor * count
