"""Elements of listed sites, from type symbols and from labels alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aiida_hpaint.science.structures.elements import get_atomic_number, is_element

__all__ = ["LabelElement", "TypeSymbol", "choose_element", "list_readings", "parse_type_symbol"]

_TYPE = re.compile(r"([A-Za-z]{1,2})(?:(\d*\.?\d*)([+-]+)|([+-])(\d+\.?\d*)|\d*)")
_SHARES = re.compile(r"(\d*\.\d+|\d+)\s*\*?\s*([A-Z][a-z]?(?:\d*[+-]|[+-]\d+)?)")
_COMPOSITION = re.compile(r"([A-Z][a-z]?)(\d*\.\d+)")
_GROUPS: dict[str, tuple[str, int | None]] = {
    "OH": ("O", 1),
    "O-H": ("O", 1),
    "OH2": ("O", 2),
    "H2O": ("O", 2),
    "WAT": ("O", 2),
    "OW": ("O", None),
    "H3O": ("O", 3),
    "NH2": ("N", 2),
    "NH3": ("N", 3),
    "NH4": ("N", 4),
}
"""Groups that stand for one atom: its element, and the number of H atoms on it."""

_WATER = re.compile(r"wat|(?:h[23]|d2)o(?!\d)|aq(?![a-z])", re.IGNORECASE)
_HYDROGEN_OF = re.compile(r"[HD]\d(O\d.*)")
"""H2O1: the second H on O1, or the first water."""

_AMMONIUM = re.compile(r"NH|ND|amm")
_NOBODY = re.compile(r"vac|dum", re.IGNORECASE)
_LAST_COMMON = 96
"""Atomic number of curium: crystal structures of heavier elements are next to none."""

_MISLEADING = ("Ho", "Os", "W", "Am")
"""Elements whose symbols are also common labels of H, O or N: Ho1 for H on O, W1 for water."""

_OTHER_MEANINGS = {"W": "O", "Am": "N"}
_LABEL_CHARGE = re.compile(r"[A-Z][a-z]?(\d)([+-])")


@dataclass(frozen=True)
class TypeSymbol:
    """What an `_atom_site_type_symbol` says.

    Attributes
    ----------
    symbol
        The element.
    occupancy
        Its share of the site.
    charge
        Its charge, None where there is none.
    hydrogens
        Number of H atoms on it, as in `OH2`; None where the symbol says nothing of them.
    """

    symbol: str
    occupancy: float = 1.0
    charge: float | None = None
    hydrogens: int | None = None


@dataclass(frozen=True)
class LabelElement:
    """The element that a label means.

    Attributes
    ----------
    symbol
        The element; None if that is not clear.
    readings
        All elements that the label can mean.
    is_plain
        Whether the label says it without help from the formula.
    charge
        Its charge, as in `Fe3+M1`; None where there is none.
    """

    symbol: str | None
    readings: tuple[str, ...]
    is_plain: bool = True
    charge: float | None = None


def parse_type_symbol(text: str) -> list[TypeSymbol]:
    """Read a type symbol such as `O2-`, `Ca+2`, `OH2`, `O2-(H2O)` or `0.75Mg + 0.25Fe`.

    Returns
    -------
    list of TypeSymbol
        One for each element that shares the site; empty if the text cannot be read.
    """
    plain = text.strip()
    for end in ("$", r"\d+$", "[+-]$", r"\d*[+-]\d*$"):  # OH, OH1, NH4+ and OH1-
        name = re.sub(end, "", re.sub(r"^[ON]\d?-\((.*)\)$", r"\1", plain.upper()))
        if name in _GROUPS and not is_element(plain[:2]):  # Nh4+ is nihonium, as it is written
            symbol, hydrogens = _GROUPS[name]
            return [TypeSymbol(symbol, hydrogens=hydrogens)]
    match = _TYPE.fullmatch(plain)
    if match is None:
        return _parse_mixture(plain)
    symbol = match[1].capitalize()
    if not is_element(symbol):
        return []
    sign, size = match[3] or match[4], match[2] or match[5]
    if not sign:
        return [TypeSymbol(symbol)]
    number = float(size) if size else float(len(sign))
    return [TypeSymbol(symbol, charge=number if sign[0] == "+" else -number)]


def _parse_mixture(text: str) -> list[TypeSymbol]:
    """Read `0.75Mg + 0.25Fe`, `0.75Mg,0.25Fe` and `Mg0.75Fe0.25`."""
    pairs = _COMPOSITION.findall(text)
    if pairs and "".join(symbol + share for symbol, share in pairs) == text.replace(" ", ""):
        shares = [(share, symbol) for symbol, share in pairs]
    else:
        words = [word.strip() for word in re.split(r"\s\+\s|[,/;]", text)]
        matches = [_SHARES.fullmatch(word) for word in words]
        shares = [(match[1], match[2]) for match in matches if match]
        if len(shares) != len(words):
            return []
    found = [parse_type_symbol(symbol) for _, symbol in shares]
    if any(len(one) != 1 for one in found):
        return []
    return [
        TypeSymbol(one[0].symbol, float(share), one[0].charge)
        for (share, _), one in zip(shares, found, strict=True)
    ]


def list_readings(label: str) -> list[str]:
    """List the elements that a label can mean, the likeliest first; empty if it names none."""
    name = re.sub(r"^[^A-Za-z]+", "", label)
    if not name or _NOBODY.match(name):
        return []
    if _WATER.match(name):
        return ["O"]
    if re.match(r"(H[23]|D2)O\d", name):
        return ["O", name[0]]
    if _AMMONIUM.match(name):
        return ["N"]
    letters = (re.match(r"[A-Za-z]+", name) or [""])[0]
    if not (letters.isupper() or letters.islower()):
        # Capitals begin a word: OSi1 is an O beside Si, CaM2 a Ca on the site M2.
        letters = (re.match(r"[A-Za-z][a-z]*", letters) or [letters])[0]
    two, one = letters[:2].capitalize(), letters[:1].upper()
    found = [symbol for symbol in dict.fromkeys([two, one]) if is_element(symbol)]
    # T1 is a tetrahedral site in most files, D(1) deuterium.
    readings = [symbol for symbol in found if symbol != "T"]
    return [*readings, *(_OTHER_MEANINGS[s] for s in readings if s in _OTHER_MEANINGS)]


def choose_element(
    label: str, formula: Collection[str] = (), others: Iterable[str] = ()
) -> LabelElement:
    """Choose the element that a label means.

    Parameters
    ----------
    label
        Label of a site without type symbol.
    formula
        Elements of the formula, which decide where the label leaves several; empty if there is
        no formula.
    others
        Labels of all sites without type symbol.
    """
    readings = list_readings(label)
    charge = _read_charge(label)
    fitting = [s for s in readings if s in formula] if formula else readings
    if not fitting:
        return LabelElement(None, tuple(readings))
    first = readings[0]
    others = list(others)
    numbered = _HYDROGEN_OF.match(label)
    if numbered and "O" in readings:
        on_oxygen = {numbered[1], f"{label[0]}1{numbered[1]}"} & set(others)
        return LabelElement(label[0] if on_oxygen else "O", tuple(readings), False)
    if fitting[0] == first and _is_clear(label, readings):
        return LabelElement(first, tuple(readings), True, charge)
    if formula and len(fitting) == 1:
        return LabelElement(fitting[0], tuple(readings), fitting[0] == first, charge)
    # An element of the formula has to be somewhere: it is here if it can be nowhere else.
    stem = _find_stem(label)
    stems = {_find_stem(other): other for other in others}
    for symbol in fitting if formula else ():
        if not any(symbol in list_readings(o) for key, o in stems.items() if key != stem):
            return LabelElement(symbol, tuple(readings), False, charge)
    return LabelElement(None, tuple(readings))


def _is_clear(label: str, readings: list[str]) -> bool:
    """Return whether the first reading of a label is the one that everybody takes."""
    first = readings[0]
    if first in _MISLEADING or get_atomic_number(first) > _LAST_COMMON:
        return False
    name = re.sub(r"^[^A-Za-z]+", "", label)
    # Capitals alone do not say where the symbol ends: CA1 is calcium, or a carbon called A1.
    return len(first) == 1 or len(readings) == 1 or name[:2].istitle()


def _read_charge(label: str) -> float | None:
    match = _LABEL_CHARGE.match(label)
    return None if match is None else float(f"{match[2]}{match[1]}")


def _find_stem(label: str) -> str:
    return (re.match(r"[A-Za-z-]*", label) or [""])[0]
