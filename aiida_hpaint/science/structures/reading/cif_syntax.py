"""Syntax of CIF: gemmi's parser, CIF 2 written as CIF 1 for it, and stray words left out."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from aiida_hpaint.science.structures.errors import make_host_error

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["CRYSTAL", "convert_cif2", "normalise_tag", "parse_document", "write_plain_names"]

CRYSTAL = (
    "_atom_site",
    "_atom_type",
    "_cell_",
    "_chemical_formula",
    "_exptl_crystal_density",
    "_space_group",
    "_symmetry",
)
"""Beginnings of the data names that matter here."""

_MAX_REPAIRS = 20
_CIF2 = re.compile(r"\s*#\\#CIF_2\.0")
_BLOCK = re.compile(rb"^data_", re.MULTILINE | re.IGNORECASE)
_STRAY = re.compile(rb"(?!_|data_|loop_|save_|[;'\"$\[\]{}])\S+", re.IGNORECASE)
"""A word that is no syntax: without one that is, the rest would mean something else."""

_TOKEN = re.compile(
    r"(?P<space>\s+|#[^\n]*)"
    r"|(?P<field>(?<=\n);.*?\n;(?=\s|$))"
    r"|(?P<triple>(\"\"\"|''').*?\4)"
    r"|(?P<quoted>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<open>[\[{])|(?P<close>[\]}])"
    r"|(?P<word>(?:(?![\[\]{}])\S)+)",
    re.DOTALL,
)

_ITEM = re.compile(
    r"^[ \t]*(?:loop_\s+(?P<loop>(?:_\S+\s+)+)|(?P<pair>_\S+))"
    r"(?:(?!^[ \t]*(?:_|loop_|data_|save_)).)*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
"""A pair or a loop, up to the next line that begins another."""


def parse_document(name: str, text: str) -> tuple[cif.Document, list[str]]:
    """Parse a CIF, version 1 or 2.

    Words that stand where a data name is due, such as a name without its underscore, text before
    the first block, and broken items that say nothing of the crystal are left out.

    Returns
    -------
    document : gemmi.cif.Document
        Its blocks.
    notes : list of str
        What was left out.

    Raises
    ------
    HostError
        If the syntax is broken.
    """
    from gemmi import cif

    if _CIF2.match(text):
        text = convert_cif2(text)
    notes: list[str] = []
    while True:
        try:
            document = cif.Document()
            document.parse_string(text)  # read_string refuses what is given twice
            return document, notes
        except (ValueError, RuntimeError) as error:
            message = str(error).removeprefix("string:").splitlines()[0]
            text, note = _repair(text, message)
            if not note or len(notes) == _MAX_REPAIRS:
                reason = f"it is no readable CIF (line {message})"
                raise make_host_error(name, reason, "Check it with a CIF validator") from error
            notes.append(note)


def _repair(text: str, message: str) -> tuple[str, str]:
    """Blank out one mistake; return the text and a note, empty if that is not possible."""
    broken = re.match(r"(\d+):\d+\(\d+\): (unterminated .*|Wrong number of values)", message)
    if broken is not None:
        return _leave_out(text, int(broken[1]), broken[2].lower())
    found = re.match(r"(\d+):\d+\((\d+)\): (parse error|expected block header)", message)
    if found is None:
        return text, ""
    data = text.encode()
    if found[3] == "parse error":
        word = _STRAY.match(data, int(found[2]))
        if word is None:
            return text, ""
        blank = data[: word.start()] + b" " * len(word[0]) + data[word.end() :]
        return (
            blank.decode(),
            f"The stray word {word[0].decode()!r} in line {found[1]} was left out.",
        )
    first = _BLOCK.search(data)
    if first is None:
        return text, ""
    head = re.sub(rb"[^\n]", b" ", data[: first.start()])
    return (head + data[first.start() :]).decode(), "Text before the first block was left out."


def _leave_out(text: str, number: int, what: str) -> tuple[str, str]:
    """Blank out the pair or loop at a line, unless it may matter here; return text and note."""
    at = sum(len(line) + 1 for line in text.split("\n")[: number - 1])
    for item in _ITEM.finditer(text):
        if item.start() <= at < item.end():
            break
    else:
        return text, ""
    tags = normalise_tag(item["loop"] or item["pair"]).split()
    if "\n;" in item[0] or any(tag.startswith(CRYSTAL) for tag in tags):
        return text, ""
    blank = re.sub(r"[^\n]", " ", item[0])
    note = f"{tags[0]} in line {number} cannot be read ({what}): it was left out."
    return text[: item.start()] + blank + text[item.end() :], note


@lru_cache(maxsize=1024)
def normalise_tag(tag: str) -> str:
    """Return a data name in lower case and with `_` for the dot of CIF 2."""
    return tag.lower().replace(".", "_")


def convert_cif2(text: str) -> str:
    """Write strings in triple quotes, lists and tables of CIF 2 as text fields of CIF 1."""
    parts: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(text):
        piece, kind = token[0], token.lastgroup
        if kind == "open":
            parts += ["\n;"] * (depth == 0)
            depth += 1
        elif depth and kind == "close":
            depth -= 1
            if depth == 0:
                parts += [piece, "\n;\n"]
                continue
        elif depth == 0 and kind == "triple":
            parts += ["\n;", piece[3:-3].replace("\n;", "\n ;"), "\n;\n"]
            continue
        parts.append(piece.replace("\n;", "\n ;") if depth else piece)
    return "".join(parts)


def write_plain_names(text: str) -> str:
    """Write `_` for dots in data names, such as `_cell.length_a`, unless that makes one twice."""
    tokens = [(token.lastgroup, token[0]) for token in _TOKEN.finditer(text)]
    names = {piece.lower() for kind, piece in tokens if kind == "word" and piece[0] == "_"}

    def rename(piece: str) -> str:
        plain = piece.replace(".", "_")
        return piece if piece[0] != "_" or plain.lower() in names else plain

    return "".join(rename(piece) if kind == "word" else piece for kind, piece in tokens)
