"""Elements of listed sites, from type symbols and from labels alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aiida_hpaint.science.structures.elements import ISOTOPES, get_atomic_number, is_element

__all__ = ["TypeSymbol", "choose_element", "list_readings", "parse_type_symbol"]

_TYPE = re.compile(r"([A-Za-z]{1,2})(?:\d*\.?\d*([+-]+)|([+-])(\d*\.?\d*)|\d*)")
_CHARGE = re.compile(r"[A-Za-z]+(\d*\.?\d*)?([+-]+)?(\d*\.?\d*)")
_MIXED = re.compile(r"(\d*\.\d+|\d+)\s*\*?\s*([A-Z][a-z]?[0-9.+-]*)")
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
_WATER = re.compile(r"wat|h2o|h3o|oh2|aq(?![a-z])", re.IGNORECASE)
_HYDROXYL = re.compile(r"o-?h", re.IGNORECASE)
_AMMONIUM = re.compile(r"nh[234]|amm", re.IGNORECASE)
_NOBODY = re.compile(r"vac|dum", re.IGNORECASE)
_LAST_COMMON = 96
"""Atomic number of curium: crystal structures of heavier elements are next to none."""
_MISLEADING = ("Ho", "Os", "W")
"""Symbols that labels of H, O and water molecules look like, as in `Ho1`: H on O."""


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


def parse_type_symbol(text: str) -> list[TypeSymbol]:
    """Read a type symbol such as `O2-`, `Ca+2`, `OH2` or `0.75Mg + 0.25Fe`.

    Returns
    -------
    list of TypeSymbol
        One for each element that shares the site; empty if the text cannot be read.
    """
    words = [word.strip() for word in re.split(r"\s+\+\s+|,|/", text.strip())]
    if len(words) > 1 or _MIXED.fullmatch(words[0]):
        parts = [_MIXED.fullmatch(word) for word in words]
        found = [(float(p[1]), parse_type_symbol(p[2])) for p in parts if p]
        if len(found) != len(words) or any(len(one) != 1 for _, one in found):
            return []
        return [TypeSymbol(o[0].symbol, share, o[0].charge) for share, o in found]
    if text.strip().upper() in _GROUPS:
        symbol, hydrogens = _GROUPS[text.strip().upper()]
        return [TypeSymbol(symbol, hydrogens=hydrogens)]
    match = _TYPE.fullmatch(text.strip())
    if match is None or not is_element(match[1].capitalize()):
        return []
    return [TypeSymbol(match[1].capitalize(), charge=_read_charge(text.strip()))]


def _read_charge(text: str) -> float | None:
    match = _CHARGE.fullmatch(text)
    if match is None or not match[2]:
        return None
    size = match[1] or match[3]
    number = float(size) if size else float(len(match[2]))
    return number if match[2][0] == "+" else -number


def list_readings(label: str) -> list[str]:
    """List the elements that a label can mean, the likeliest first; empty if it names none."""
    name = re.sub(r"^[^A-Za-z]+", "", label)
    if not name or _NOBODY.match(name):
        return []
    if _WATER.match(name):
        return ["O"]
    letters = (re.match(r"[A-Za-z]+", name) or [""])[0]
    if _HYDROXYL.match(name) and letters[:2] != "Oh" and not is_element(letters[:2]):
        return ["O"]
    if _AMMONIUM.match(name):
        return ["N", "Am"] if letters.lower() == "am" else ["N"]
    two, one = letters[:2].capitalize(), letters[:1].upper()
    readings = [s for s in dict.fromkeys([two, one]) if is_element(s) and s not in ISOTOPES]
    # T1 is a tetrahedral site in most files.
    if one == "D" and two not in readings:
        return ["D"]
    return [*readings, "O"] if letters.upper() == "W" else readings


def choose_element(
    label: str, formula: Collection[str], others: Iterable[str] = ()
) -> tuple[str | None, list[str]]:
    """Choose the element that a label means.

    Parameters
    ----------
    label
        Label of a site without type symbol.
    formula
        Elements of the formula; empty if there is none.
    others
        Labels of the other sites without type symbol.

    Returns
    -------
    element : str or None
        The element; None if that is not clear.
    readings : list of str
        All that the label can mean.
    """
    readings = list_readings(label)
    if len(readings) < 2 and not _is_misleading(label, readings):
        return (readings[0] if readings else None), readings
    fitting = [symbol for symbol in readings if symbol in formula]
    if len(fitting) == 1:
        return fitting[0], readings
    if fitting and not _is_misleading(label, readings):
        return fitting[0], readings
    for symbol in fitting:
        stem = _stem(label)
        if not any(symbol in list_readings(o) for o in others if _stem(o) != stem):
            return symbol, readings
    clear = not formula and not _is_misleading(label, readings)
    return (readings[0] if clear and label[1:2].islower() else None), readings


def _is_misleading(label: str, readings: list[str]) -> bool:
    if not readings:
        return False
    first = readings[0]
    upper = len(first) == 2 and len(readings) > 1 and label[1:2].isupper()
    return first in _MISLEADING or get_atomic_number(first) > _LAST_COMMON or upper


def _stem(label: str) -> str:
    return (re.match(r"[A-Za-z-]*", label) or [""])[0]
