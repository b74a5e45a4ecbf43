"""The table of features links each feature to a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "features.md"
_CELL = re.compile(r"\[([\w ]+)\]\((\S+)\)")


def read_rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return [row for row in rows if row[0] and not set(row[0]) <= {"-"}]


def test_each_feature_has_a_test_that_there_is() -> None:
    rows = read_rows()
    assert len(rows) > 20
    for feature, ours, *_ in rows:
        found = _CELL.fullmatch(ours)
        assert found is not None, f"{feature}: {ours}"
        path = (PAGE.parent / found[2]).resolve()
        assert path.is_file(), f"{feature}: there is no {found[2]}"
        name = f"test_{found[1].replace(' ', '_')}"
        test = re.compile(rf"^def {name}\(", re.MULTILINE)
        assert test.search(path.read_text("utf-8")), f"{feature}: {found[2]} has no {name}"


def test_rows_have_a_cell_for_each_package() -> None:
    assert {len(row) for row in read_rows()} == {5, 6}
    assert all(cell for row in read_rows() for cell in row)
