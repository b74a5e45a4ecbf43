"""Commands of the pages that need neither AiiDA nor a network run, on files of those names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from page_commands import ROOT, find_commands

from aiida_hpaint.cli import main
from aiida_hpaint.science import protocols
from aiida_hpaint.science.structures import read_hosts, write_extxyz

EXAMPLES = ROOT / "examples"

AT_ONCE = {("inspect",), ("find",), ("audit",), ("powder",), ("models", "list"), ("models", "show")}
"""Commands that run without AiiDA."""

MISSING = {
    "--restore",
    "brucite.xye",
    "examples/hosts/diaspore.cif",
    "orb-v3-conservative-inf-omat",
    "outputs/run-1",
    "potential.model=mine.model",
    "requirements.txt",
}
"""Words of commands that take longer, or whose files and packages are not here."""


def choose_commands() -> dict[str, list[list[str]]]:
    """Commands that run here, by page, in the order of the page."""
    chosen: dict[str, list[list[str]]] = {}
    for page, words in find_commands():
        is_quick = bool({tuple(words[:1]), tuple(words[:2])} & AT_ONCE) or "--no-aiida" in words
        if is_quick and not MISSING & set(words):
            chosen.setdefault(page, []).append(words)
    return chosen


PAGES = choose_commands()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that pages name, and a protocol that takes a second."""
    for name in ("host.cif", "brucite.cif", "gypsum.cif"):
        shutil.copy(EXAMPLES / "hosts" / "brucite.cif", tmp_path / name)
    shutil.copy(EXAMPLES / "references" / "brucite.cif", tmp_path / "published.cif")
    for name in ("database", "cifs", "hydrides"):
        (tmp_path / name).mkdir()
        shutil.copy(EXAMPLES / "references" / "magnesium_hydride.cif", tmp_path / name)
        shutil.copy(EXAMPLES / "hosts" / "brucite.cif", tmp_path / name)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (tmp_path / "restored").mkdir()
    shutil.copy(EXAMPLES / "references" / "brucite.cif", tmp_path / "restored" / "brucite.cif")
    write_extxyz(
        read_hosts(EXAMPLES / "references" / "brucite.cif"),
        tmp_path / "restored" / "candidates.extxyz",
    )
    monkeypatch.chdir(tmp_path)
    load = protocols.load_protocol

    def load_quick(name: str | None = None, overrides: Any = None) -> Any:
        wanted = load(name, overrides)
        record = wanted.sampling.record if wanted.sampling else 0
        sampling = {"samples": 2, "steps": 10, "record": record}
        return load("fast", {"sampling": sampling, "search": None})

    monkeypatch.setattr(protocols, "load_protocol", load_quick)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("page", sorted(PAGES))
def test_commands_of_pages_run(page: str) -> None:
    for words in PAGES[page]:
        paths = [
            path
            for word in words
            for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        result = CliRunner().invoke(main, paths)
        assert result.exit_code in (0, 1), f"{words}\n{result.output}"
        assert result.exception is None or isinstance(result.exception, SystemExit), words


def test_many_commands_run_here() -> None:
    assert sum(map(len, PAGES.values())) > 20
