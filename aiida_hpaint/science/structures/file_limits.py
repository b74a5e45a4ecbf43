"""Limits of what is read from files of others, whose size says little about what they cost.

They are far above what crystal structures need, and far below what a machine can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiida_hpaint.science.structures.errors import HostError, make_host_error

__all__ = [
    "MAX_ARRAY_BYTES",
    "MAX_FORMULA",
    "MAX_ROWS",
    "MAX_SITES",
    "MAX_TEXT_BYTES",
    "check_site_count",
    "guard_reading",
]

MAX_TEXT_BYTES = 2**28
"""Bytes of a text file, unpacked."""

MAX_ARRAY_BYTES = 4 * 2**30
"""Bytes of all arrays of an npz file, unpacked."""

MAX_ROWS = 10_000_000
"""Structures of an npz file."""

MAX_SITES = 20_000
"""Sites of a structure, in the file and in the cell."""

MAX_FORMULA = 2000
"""Characters of a chemical formula."""


def check_site_count(label: str, count: int) -> None:
    """Raise HostError if a structure has more sites than `MAX_SITES`."""
    if count > MAX_SITES:
        reason = f"it has {count} sites, and at most {MAX_SITES} are read"
        raise make_host_error(label, reason, "Give a smaller cell")


@contextmanager
def guard_reading(name: str) -> Iterator[None]:
    """Turn whatever a damaged file raises while it is read into the error of this one file.

    Parsers, ours and those of libraries, may raise anything for what nobody thought of. One file
    must not end the reading of all others.

    Raises
    ------
    HostError
        For any other exception, which it names.
    """
    try:
        yield
    except HostError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        reason = f"it cannot be read ({type(error).__name__}{': ' if text else ''}{text})"
        raise make_host_error(name, reason, "It seems to be damaged: write it again") from error
