"""Numbers and suggestions in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

__all__ = ["format_count", "list_by_label", "suggest"]

RUN = 4
"""Labels in a row from which on the first and the last stand for all."""


def format_count(number: int, one: str, many: str = "") -> str:
    """Return a number with what is counted: `1 record`, `2 records`, `1 H is`, `2 H are`.

    Parameters
    ----------
    number
        The number.
    one, many
        What follows it if it is one, and otherwise; by default `many` is `one` with an s.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def list_by_label(counts: Mapping[str, int]) -> str:
    """Return the numbers of labels, of many in a row with one number the first and the last.

    Examples
    --------
    >>> list_by_label({"C1": 3, "C7": 1, "C8": 1, "C9": 1, "C10": 1, "N1": 2})
    'C1 3, C7 to C10 1 each, N1 2'
    """
    runs: list[list[str]] = []
    before = None
    for label, number in counts.items():
        start, place = _split(label)
        if before != (start, place - 1, number):
            runs.append([])
        runs[-1].append(label)
        before = (start, place, number)
    return ", ".join(
        f"{run[0]} to {run[-1]} {counts[run[0]]} each"
        if len(run) >= RUN
        else ", ".join(f"{label} {counts[label]}" for label in run)
        for run in runs
    )


def _split(label: str) -> tuple[str, int]:
    """Return the beginning of a label and the number at its end; itself and -1 without one."""
    found = re.fullmatch(r"(.*?)([1-9]\d*)", label)
    return (found[1], int(found[2])) if found else (label, -1)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name that is closest, or nothing if none is close.

    Examples
    --------
    >>> suggest("bundle", ["bundled", "random"])
    ' Did you mean bundled?'
    """
    lower = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), lower, n=1)
    return f" Did you mean {lower[close[0]]}?" if close else ""
