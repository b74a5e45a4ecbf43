"""Numbers in sentences."""

from __future__ import annotations

__all__ = ["format_count"]


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
