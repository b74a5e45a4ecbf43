"""Values as CIF 1.1 has them: quoted text, and numbers with sensible digits."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from aiida_hpaint.science.types import FloatArray

__all__ = ["format_formula", "format_number", "format_position", "quote_text"]

_WIDTH = 76
_LONGEST = 20_000
"""Largest number of characters of a text; foreign labels and messages can have any length."""

_MARKUP = str.maketrans(
    {
        "Å": "\\%A",
        "°": "\\%",
        "³": "^3^",
        "²": "^2^",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "·": ".",
        "\u2013": "-",
        "\u2212": "-",
        "\u00d7": "x",
    }
)
"""CIF markup for what is not ASCII; the rest becomes question marks."""


def quote_text(value: Any) -> str:
    """Return any value as one value of a CIF: bare, in quotes, or as a text field.

    Lines are at most 80 characters long, control characters become spaces, and what is not ASCII
    becomes markup or a question mark.
    """
    from gemmi import cif

    if isinstance(value, float):
        return format_number(value, 6)
    text = str(value).translate(_MARKUP).encode("ascii", "replace").decode()[:_LONGEST]
    lines = [
        line if line.isprintable() else "".join(c if c.isprintable() else " " for c in line)
        for line in text.splitlines()
    ]
    words = " ".join(lines).split()
    if not words:
        return "'?'" if text else "?"
    joined = " ".join(words)
    if len(joined) <= _WIDTH:
        return str(cif.quote(joined))
    wrapped = textwrap.wrap(joined, _WIDTH, break_on_hyphens=False)
    return ";\n" + "\n".join(f" {line}" for line in wrapped) + "\n;"


def format_number(value: float, digits: int) -> str:
    """Return a number with at most so many decimals, or `?` if it is not finite."""
    if not np.isfinite(value):
        return "?"
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def format_position(position: FloatArray, digits: int) -> list[str]:
    """Return three fractional coordinates, all with the same number of decimals."""
    return [f"{value:.{digits}f}" for value in (np.round(position, digits) + 0.0).tolist()]


def format_formula(counts: dict[str, float]) -> str:
    """Return a formula in the order of Hill, such as `C2 H6 O`."""
    first = [symbol for symbol in ("C", "H") if "C" in counts and symbol in counts]
    symbols = [*first, *sorted(set(counts) - set(first))]
    return " ".join(
        f"{symbol}{'' if counts[symbol] == 1 else f'{counts[symbol]:g}'}" for symbol in symbols
    )
