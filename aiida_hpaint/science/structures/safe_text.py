"""Text from others (labels, names) made safe for file names, terminals, shells and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from typing import Any

_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 80
# Devices of Windows, with any suffix, and the endings of other files next to those of a host.
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|.*_(dft|relaxed)", re.IGNORECASE)


def make_safe_name(label: str, taken: Collection[str] = ()) -> str:
    """Return a file name without suffix: letters, digits, - and _, not among those taken.

    Names that differ only in case count as the same, as on some file systems.
    """
    stem = _OTHERS.sub("_", label).strip("_-")[:_LONGEST] or "structure"
    if _RESERVED.fullmatch(stem):
        stem += "_"
    used = {name.lower() for name in taken}
    name, count = stem, 1
    while name.lower() in used:
        count += 1
        name = f"{stem}_{count}"
    return name


def escape_control_characters(text: str) -> str:
    """Escape characters in foreign text that would act on a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def quote_for_shell(text: str) -> str:
    """Quote foreign text within a command that users copy into a shell."""
    return shlex.quote(escape_control_characters(text))


def escape_for_spreadsheet(value: Any) -> Any:
    """Escape a value for CSV: an apostrophe precedes what spreadsheets take for formulas.

    Control characters are escaped, except for line breaks, which CSV quotes.
    """
    if not isinstance(value, str):
        return value
    text = "\n".join(map(escape_control_characters, value.split("\n")))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def make_safe_names(labels: Iterable[str]) -> list[str]:
    """Return one file name for each label, all of them different, in their order."""
    names: list[str] = []
    used: set[str] = set()
    counts: dict[str, int] = {}
    for label in labels:
        stem = make_safe_name(label)
        name = stem
        while name.lower() in used:
            counts[stem.lower()] = counts.get(stem.lower(), 1) + 1
            name = f"{stem}_{counts[stem.lower()]}"
        used.add(name.lower())
        names.append(name)
    return names
