"""Each fault of the page has a test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "concepts" / "faults.md").read_text("utf-8")


def test_the_tests_of_the_page_exist() -> None:
    named = set(re.findall(r"`([\w/]+/test_\w+\.py)`", PAGE))
    assert len(named) > 25
    missing = [
        name for name in named if not (ROOT / "tests" / name.removeprefix("tests/")).exists()
    ]
    assert missing == []


def test_each_row_of_a_table_with_tests_names_one() -> None:
    tables = PAGE.split("| fault | what happens | what it costs | what to do | test |")[1:]
    for table in tables:
        rows = table.strip().partition("\n\n")[0].splitlines()[1:]
        assert rows
        assert [row for row in rows if "test_" not in row.rpartition(" | ")[2]] == []
