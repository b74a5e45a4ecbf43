"""The page on files names the formats, options and policies that there are."""

from __future__ import annotations

import re
from pathlib import Path

from aiida_hpaint.cli.restore.inspect import inspect
from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures.reading import holds_records
from aiida_hpaint.science.structures.writing import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "files.md").read_text("utf-8")


def read_table(title: str) -> list[list[str]]:
    """Return the cells of the tables below a heading."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_formats_that_say_what_is_missing_are_records() -> None:
    told = {
        suffix: says.startswith("yes")
        for _, suffixes, says in read_table("Formats")
        for suffix in re.findall(r"`(\.\w+)`", suffixes)
    }
    assert len(told) > 8
    assert {suffix: holds_records(f"host{suffix}") for suffix in told} == told


def test_options_of_the_budget_are_there() -> None:
    options = {option for parameter in inspect.params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) - {"--format", "--skip-bad"} <= options


def test_policies_and_formats_are_accepted() -> None:
    for policy, _ in read_table("Disorder"):
        HostSettings(disorder=re.findall(r"`(.+?)`", policy)[0])
    [formats] = re.findall(r"`--format ([\w,]+)`", PAGE)
    assert set(formats.split(",")) <= set(FORMATS)
