"""Atomic numbers and symbols; deuterium and tritium are hydrogen here."""

from __future__ import annotations

from functools import lru_cache

MAX_ATOMIC_NUMBER = 118
"""Largest atomic number that has a symbol."""

ISOTOPES = ("D", "T")
"""Symbols of hydrogen isotopes, which structure files use like those of elements."""

_SHELLS = {
    "3d": ("V", "Cr", "Mn", "Fe", "Co", "Ni"),
    "4f": ("Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb"),
    "5f": ("U", "Np", "Pu", "Am", "Cm"),
}
MAGNETIC = frozenset(element for shell in _SHELLS.values() for element in shell)
"""Elements with a magnetic moment in most of their hydrides, oxides and hydroxides.

They have open 3d shells from V to Ni, 4f from Ce to Yb or 5f from U to Cm. Elements that have a
moment only occasionally (Ti, Cu, Mo, Ru, ...) are not included, because spin doubles the cost;
`spin: collinear` includes every element.
"""


@lru_cache(maxsize=1)
def _symbols() -> tuple[str, ...]:
    from ase.data import chemical_symbols  # here: ase costs a tenth of a second

    return tuple(chemical_symbols[: MAX_ATOMIC_NUMBER + 1])


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    numbers = {symbol: number for number, symbol in enumerate(_symbols()) if number > 0}
    return {**numbers, **dict.fromkeys(ISOTOPES, 1)}


def get_symbol(number: int) -> str:
    """Return the chemical symbol of an atomic number, 'X' if there is none."""
    return _symbols()[number] if 0 < number <= MAX_ATOMIC_NUMBER else "X"


def get_atomic_number(symbol: str) -> int:
    """Return the atomic number of a chemical symbol; D and T give 1.

    Raises
    ------
    KeyError
        If no element has this symbol.
    """
    return _numbers()[symbol]


def hint_at_symbol(text: str) -> str:
    """Say how elements are written, and which symbol is meant if another case makes it one."""
    close = text.title()
    meant = f". Did you mean {close}?" if is_element(close) else ""
    return f"write its symbol, like H or Li{meant}"


def is_element(symbol: str) -> bool:
    """Return whether an element (or D or T) has this symbol, in this very spelling."""
    return symbol in _numbers()
