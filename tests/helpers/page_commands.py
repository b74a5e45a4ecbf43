"""Blocks of all pages, and the commands of aiida-hpaint in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PAGES", "ROOT", "find_blocks", "find_commands"]

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    if "_build" not in page.parts
]
FENCE = re.compile(
    r"^( *)(?:```+|:::+)(?:\{code-block\} )?(\w+)\n(.*?)^\1(?:```+|:::+)$", re.M | re.S
)


def find_blocks(page: Path, language: str) -> Iterator[str]:
    for indent, found, text in FENCE.findall(page.read_text("utf-8")):
        if found == language:
            yield re.sub(f"^{indent}", "", text, flags=re.M)


def find_commands() -> Iterator[tuple[str, list[str]]]:
    """The commands of aiida-hpaint in all console blocks and in those of the README."""
    for page in PAGES:
        text = "\n".join(find_blocks(page, "console")).replace("\\\n", " ")
        if page.name == "README.md":
            text = re.sub("^    ", "$ ", page.read_text("utf-8"), flags=re.M)
        for line in text.splitlines():
            if match := re.match(r"\$ (?:\w+=\S+ )*aiida-hpaint (.*)", line):
                words = shlex.split(match[1].partition("|")[0], comments=True)
                yield page.relative_to(ROOT).as_posix(), [w for w in words if w not in (">", "2>")]
