"""Code blocks of a page of the documentation, and the package that some of them describe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PARTS = re.compile(
    r"^## (?P<title>[^\n]+)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
_FILE = re.compile(r"# (\S+\.(?:py|yaml))(?:, .*)?\n")
_GROUP = re.compile(r'\[project\.entry-points\."(.+)"\]')


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes
    ----------
    section
        Heading above it.
    language
        "python", "toml" or "yaml".
    text
        Its lines.
    """

    section: str
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """File that the first line names, if it names one."""
        found = _FILE.match(self.text)
        return found.group(1) if found else None

    @property
    def body(self) -> str:
        """Lines below the one that names the file."""
        return self.text.partition("\n")[2] if self.file else self.text


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in Markdown, in their order."""
    section, blocks = "", []
    for part in _PARTS.finditer(page.read_text("utf-8")):
        section = part["title"] or section
        if part["language"]:
            blocks.append(Block(section, part["language"], part["text"]))
    return blocks


def install_package(blocks: list[Block], folder: Path) -> None:
    """Write the files of `my_package` and its metadata into a folder that is to be on the path."""
    (folder / "my_package").mkdir()
    (folder / "my_package" / "__init__.py").touch()
    for block in blocks:
        if block.file and block.file.startswith("my_package/"):
            (folder / block.file).write_text(block.text, "utf-8")
    info = folder / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    # Both formats have a group in brackets and lines of keys and values; only one has quotes.
    toml = "".join(block.text for block in blocks if block.language == "toml")
    (info / "entry_points.txt").write_text(_GROUP.sub(r"[\1]", toml).replace('"', ""))
