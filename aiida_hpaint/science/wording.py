"""Numbers and suggestions in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["format_count", "suggest"]


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
