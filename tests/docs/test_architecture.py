"""The pages on the structure of the package name the files and packages that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
_PATH = re.compile(r"`((?:aiida_hpaint/|science/|diffusion/|calculations/|tests/)[\w./]+)`")


def test_a_host_can_be_followed_from_file_to_file() -> None:
    section = ARCHITECTURE.partition("## Follow one host\n")[2].partition("\n## ")[0]
    files = re.findall(r"^\d+\. `(\S+)`: ", section, re.MULTILINE)
    assert 10 <= len(files) <= 16
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_file_that_the_page_names_is_there() -> None:
    folders = [ROOT, ROOT / "aiida_hpaint", ROOT / "aiida_hpaint" / "science"]
    found = _PATH.findall(ARCHITECTURE)
    assert len(found) > 16
    assert [p for p in found if not any((folder / p).exists() for folder in folders)] == []
