"""Space groups by their names: Hermann-Mauguin symbols in all spellings, Hall symbols, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gemmi import GroupOps

__all__ = [
    "Setting",
    "SymbolParts",
    "describe_settings",
    "find_settings",
    "list_settings",
    "parse_hall",
    "split_symbol",
]


@dataclass(frozen=True)
class Setting:
    """A setting of a space group in the tables.

    Attributes
    ----------
    name
        Extended Hermann-Mauguin symbol, such as `F d -3 m:2`.
    number
        Number in the International Tables.
    hall
        Hall symbol.
    choice
        Origin (1 or 2) or axes (H or R); empty where there is one only.
    is_standard
        Whether the International Tables list it.
    """

    name: str
    number: int
    hall: str
    choice: str
    is_standard: bool


@dataclass(frozen=True)
class SymbolParts:
    """A Hermann-Mauguin symbol without decoration.

    Attributes
    ----------
    symbol
        The symbol itself.
    choice
        Origin (1 or 2) or axes (H or R) that the text names; empty if it does not.
    number
        Number that the text names, as in `C2/c (No. 15)`; None if it does not.
    """

    symbol: str
    choice: str = ""
    number: int | None = None


_NUMBER = re.compile(
    r"\(?\s*(?:no\.?|nr\.?|#)\s*(\d+)\s*\)?|\s\(\s*(\d{2,3})\s*\)\s*$", re.IGNORECASE
)
_ORIGIN = re.compile(
    r"[\[(,;:]?\s*(?:origin(?:\s+choice)?|o\.?\s*c\.?)\s*(?:at\s*)?([12])\s*[\])]?", re.IGNORECASE
)
_AXES = re.compile(
    r"[\[(,;:]?\s*(hex|rhomb)[a-z]*(?:\s+(?:axes|setting|cell))?\s*[\])]?", re.IGNORECASE
)
_BAR = re.compile(r"\\(?:bar|overline)\s*\{?\s*(\d)\s*\}?|(\d)\s?bar(?![a-z])", re.IGNORECASE)
_CHOICE = re.compile(r"(?:\s*:\s*([12hrsz])|\s+([hrsz])|\s+o([12]))\s*$", re.IGNORECASE)
_CELL_CHOICE = re.compile(r"\s*:\s*-?[abc][-abc123]*\s*$", re.IGNORECASE)
_AXIS = re.compile(r"(?<!-)[2346][1-5]?/(?=[a-z])")
_CHOICES = {"S": "1", "Z": "2"}


def split_symbol(text: str) -> SymbolParts:
    """Take HTML, brackets, origin, axes and number off a Hermann-Mauguin symbol."""
    text = _BAR.sub(lambda found: f"-{found[1] or found[2]}", text)
    plain = unicodedata.normalize("NFKC", re.sub(r"<[^>]*>|\\[a-z]|%\w+%|[\"'_~$]", "", text))
    plain = plain.replace("\u2212", "-").replace("\u2013", "-")
    plain = re.sub(r"(\d)\u0304|(\d)\u0305", r"-\1\2", plain)
    number = _NUMBER.search(plain)
    plain = _NUMBER.sub(" ", plain)
    choice = ""
    for pattern in (_ORIGIN, _AXES, _CHOICE):
        found = pattern.search(plain)
        if found and not choice:
            letter = next(group for group in found.groups() if group)[:1].upper()
            choice = _CHOICES.get(letter, letter)
            plain = pattern.sub(" ", plain)
    plain = _CELL_CHOICE.sub("", plain)
    plain = re.sub(r"\(\s*(\d)\s*\)|\[\s*(\d)\s*\]", r"\1\2", plain)
    digits = (number[1] or number[2]) if number else None
    return SymbolParts(" ".join(plain.split()), choice, int(digits) if digits else None)


def find_settings(parts: SymbolParts) -> list[list[Setting]]:
    """Find the settings that a symbol can mean.

    Returns
    -------
    list of lists of Setting
        The better readings first: as the tables write it; with the axis of short monoclinic
        symbols left open. Those of another origin or axes than the text names are left out.
    """
    spellings = _list_spellings(_compact(parts.symbol))
    tiers: list[list[Setting]] = []
    for spelling in spellings:
        tiers = [names.get(spelling, []) for names in _names()]
        if any(tiers):
            break
    else:
        tiers = [_find_with_gemmi(spelling) for spelling in spellings]
    chosen = [
        [each for each in tier if not parts.choice or each.choice in ("", parts.choice)]
        for tier in tiers
    ]
    return [tier for tier in chosen if tier]


def _list_spellings(key: str) -> list[str]:
    """List a compact symbol, and the short symbol if it is a full one.

    Full symbols name the axes, too: P 4/n 21/m 2/m is P 4/n m m, F 4/m -3 2/m is F m -3 m.
    """
    first = re.match(r"[a-z]\d*/?[a-z]?", key)
    start = first.end() if first else 0
    return [key, key[:start] + _AXIS.sub("", key[start:]), _AXIS.sub("", key)]


def list_settings(number: int) -> list[Setting]:
    """List all settings of a number in the International Tables."""
    return [each for each in _settings() if each.number == number and each.is_standard]


def parse_hall(text: str) -> GroupOps | None:
    """Return gemmi's operations of a Hall symbol; None if it is none."""
    import gemmi

    plain = re.sub(r"(?<=[A-Z])(?=\d)", " ", text.replace("_", " ").replace("=", '"').strip())
    try:
        return gemmi.symops_from_hall(plain)
    except (RuntimeError, ValueError):
        return None


@lru_cache(maxsize=1)
def _settings() -> Sequence[Setting]:
    import gemmi

    standard = {group.hall for group in gemmi.spacegroup_table_itb()}
    return [
        Setting(
            group.xhm(), group.number, group.hall, group.ext.strip("\0"), group.hall in standard
        )
        for group in gemmi.spacegroup_table()
    ]


@lru_cache(maxsize=1)
def _names() -> tuple[Mapping[str, list[Setting]], Mapping[str, list[Setting]]]:
    """Return settings by compact symbol: as the tables write it, and without the words `1`."""
    exact: dict[str, list[Setting]] = defaultdict(list)
    short: dict[str, list[Setting]] = defaultdict(list)
    for setting in _settings():
        symbol = setting.name.split(":")[0]
        spellings = {symbol}
        words = symbol.split()
        if words[1::2] == ["1", "1"] and len(words) == 4:  # b unique, the convention
            spellings.add(words[0] + words[2])
        for name in {_compact(spelling) for spelling in spellings}:
            exact[name].append(setting)
        short[_compact("".join(word for word in words if word != "1"))].append(setting)
    return exact, short


def _find_with_gemmi(symbol: str) -> list[Setting]:
    """Find symbols that gemmi knows by rules: e glides, cubic ones without their minus."""
    import gemmi

    try:
        group = gemmi.find_spacegroup_by_name(symbol)
    except ValueError:
        return []
    return [] if group is None else [s for s in _settings() if s.name.split(":")[0] == group.hm]


def _compact(name: str) -> str:
    return re.sub(r"\s", "", name).lower()


def describe_settings(settings: Iterable[Setting]) -> str:
    """Name settings for messages, the first few."""
    names = list(dict.fromkeys(setting.name for setting in settings))
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
