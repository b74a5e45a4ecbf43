"""Isotopes of the H to insert: those that a record names."""

from __future__ import annotations

import re

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import ISOTOPES, is_element
from aiida_hpaint.science.structures.records import Record

__all__ = ["choose_isotope", "describe_isotope"]

_SYMBOL = re.compile(r"[A-Z][a-z]?")
_IN_CAPITALS = re.compile("[DT][A-Z]")


def choose_isotope(source: Record | StructureBatch) -> tuple[str, str]:
    """Choose the isotope of the H to insert by what a record names, or the formula of a host.

    Returns
    -------
    isotope : str
        The one that the record consists of where it names no other hydrogen; empty for H.
    note : str
        What is inserted, where the record names another isotope than H.
    """
    if isinstance(source, Record):
        found = {site.symbol for site in source.sites}
        texts = list(source.formulas.values())
    else:
        found = {"H"} if 1 in source.numbers else set()
        texts = [str(source.metadata[0].get("formula") or "")]
    for text in texts:
        found |= set(_SYMBOL.findall(_write_symbols(text)))
    kinds = sorted(found & {"H", *ISOTOPES})
    if len(kinds) > 1:
        return "", f"The file names {' and '.join(kinds)}: sites are inserted as H"
    isotope = "".join(kinds).replace("H", "")
    return isotope, describe_isotope(isotope)


def describe_isotope(isotope: str) -> str:
    """Say which isotope is inserted; nothing of H."""
    return f"Sites are inserted as {isotope}, and computed as H" if isotope else ""


def _write_symbols(formula: str) -> str:
    """Write TE and DY of a formula in capitals as Te and Dy: they name neither T nor D."""
    if formula != formula.upper():
        return formula

    def write(found: re.Match[str]) -> str:
        symbol = found[0].capitalize()
        return symbol if is_element(symbol) else found[0]

    return _IN_CAPITALS.sub(write, formula)
