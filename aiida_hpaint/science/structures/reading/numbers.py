"""Numbers of CIF and SHELX files, with standard uncertainties in parentheses."""

from __future__ import annotations

import math
import re

__all__ = ["is_unknown", "parse_number", "parse_uncertainty"]

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d*\.?\d*\)?)?")


def parse_number(text: str | None) -> float | None:
    """Return the number that a text is, without its standard uncertainty; None if it is none."""
    match = _NUMBER.fullmatch(text.strip()) if text is not None else None
    value = float(match[1]) if match else math.nan
    return value if math.isfinite(value) else None


def parse_uncertainty(text: str) -> float:
    """Return the standard uncertainty of a number such as 1.02(3); 0 where it has none."""
    match = re.fullmatch(r"[+-]?\d*(?:\.(\d*))?\((\d+)\)", text.strip())
    return int(match[2]) / 10 ** len(match[1] or "") if match else 0.0


def is_unknown(text: str | None) -> bool:
    """Return whether a value of a CIF is missing: `?`, `.`, empty, or not there at all."""
    return text is None or text.strip() in ("?", ".", "")
