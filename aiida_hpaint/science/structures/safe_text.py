"""File names from labels: labels come from files of others and are never used as paths."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from typing import Any

_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 80
# Devices of Windows, whatever the suffix; and what DFT's files beside a host's end in.
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|.*_dft", re.IGNORECASE)


def make_safe_name(label: str, taken: Collection[str] = ()) -> str:
    """A file name without suffix: letters, digits, - and _, not among those taken.

    Names that differ in case only count as the same, as some file systems have it.
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
    """Text of others for a terminal or a message: what would act there stands as an escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def quote_for_shell(text: str) -> str:
    """Text of others within a command that is shown to be copied into a shell."""
    return shlex.quote(escape_control_characters(text))


def escape_for_spreadsheet(value: Any) -> Any:
    """A value for CSV: text that a spreadsheet would run as a formula begins with an apostrophe.

    What cannot be printed stands as an escape, but for line breaks, which CSV quotes.
    """
    if not isinstance(value, str):
        return value
    text = "\n".join(map(escape_control_characters, value.split("\n")))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def make_safe_names(labels: Iterable[str]) -> list[str]:
    """One file name for each label, all of them different, in the order of the labels."""
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
