"""Links between files of the repository, and between the pages that Sphinx has written."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "examples").rglob("README.md")),
    ROOT / "benchmarks" / "README.md",
]
PATH = re.compile(
    r"`((?:\.\./|aiida_hpaint/|benchmarks/|docs/|examples/|tests/|\.ci/)[\w./-]*\w/?)`"
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.fixture
def find_broken_links(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import link_check

    yield link_check.find_broken_links
    del sys.modules["link_check"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_files_that_readmes_name_are_there(file: Path) -> None:
    text = file.read_text("utf-8")
    linked = [file.parent / target for target in LINK.findall(text)]
    folders = (file.parent, ROOT)
    named = [
        next((one / path for one in folders if (one / path).exists()), ROOT / path)
        for path in PATH.findall(text)
    ]
    assert [path for path in [*linked, *named] if not path.exists()] == []


def test_links_of_pages_lead_to_pages_and_anchors(tmp_path: Path, find_broken_links) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.html").write_text(
        '<h1 id="caf\u00e9">1</h1><a href="../two.html">2</a>'
    )
    targets = [
        "sub/one.html",
        "sub/one.html#caf%C3%A9",
        "#here",
        "#",
        "https://example.org/none",
        "data:image/png;base64,AA",
        "sub/none.html",
        "sub/one.html#none",
        "#there",
    ]
    links = "".join(f'<a class="x" href="{target}">x</a>' for target in targets)
    (tmp_path / "two.html").write_text(f'<p id="here">{links}</p>')
    assert find_broken_links(tmp_path) == [
        ("two.html", target) for target in ("#there", "sub/none.html", "sub/one.html#none")
    ]
