"""Numbers of CIF and SHELX files, with standard uncertainties in parentheses."""

from __future__ import annotations

import re

__all__ = ["parse_number"]

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d*\.?\d*\)?)?")


def parse_number(text: str | None) -> float | None:
    """Return the number that a text is, without its standard uncertainty; None if it is none."""
    match = _NUMBER.fullmatch(text.strip()) if text is not None else None
    return float(match[1]) if match else None
