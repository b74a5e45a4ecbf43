"""Runs of benchmarks as they were stored, and the hosts that they have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiida_hpaint.science.benchmark.statistics.rows import (
    COMPARISON,
    SETTINGS,
    HostRow,
    flatten,
    read_rows,
)

Key = tuple[int, str, str]
"""What says which reference a row is about: its index in the file, label and formula."""


@dataclass(frozen=True)
class StoredRun:
    """Rows and settings of one benchmark, finished or not.

    Attributes
    ----------
    name
        Name of its folder; of a comparison, the folder and the name of the run.
    rows
        One row per finished host.
    settings
        Contents of its `settings.json`, keys joined by dots.
    """

    name: str
    rows: Sequence[HostRow]
    settings: Mapping[str, Any]

    @property
    def potential(self) -> str:
        """Name of the potential whose energies rank candidates."""
        name = self.settings.get("settings.rerank.name")
        return str(name or self.settings.get("settings.potential.name", "the potential that ranks"))


def read_stored_runs(folders: Sequence[Path]) -> list[StoredRun]:
    """Read the folders of benchmarks; one that compares several counts as all of them.

    Raises
    ------
    ValueError
        If a folder holds no finished host, or its files are damaged.
    """
    names = _name_apart(folders)
    return [
        _read_run(name if sub is None else f"{name}/{sub}", place)
        for name, folder in zip(names, folders, strict=True)
        for sub, place in _list_places(folder).items()
    ]


def keep_common_hosts(runs: Sequence[StoredRun]) -> tuple[list[StoredRun], list[str]]:
    """Return the runs with the hosts that all of them have finished, and what was left out.

    Raises
    ------
    ValueError
        If there is none.
    """
    common = set.intersection(*({_key(row) for row in run.rows} for run in runs))
    if not common:
        raise ValueError(
            f"{', '.join(run.name for run in runs)} have no host in common: only runs of the same "
            "references, in the same half of them, can be compared"
        )
    kept = [replace(run, rows=[row for row in run.rows if _key(row) in common]) for run in runs]
    left_out = [
        f"{run.name}: {more} of {len(run.rows)} hosts, which other runs have not finished"
        for run in runs
        if (more := len(run.rows) - len(common))
    ]
    return kept, left_out


def find_differing_settings(runs: Sequence[StoredRun]) -> list[str]:
    """Return the keys of settings in which runs differ, those of the references left out."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    return [
        key
        for key in keys
        if not key.startswith(("version", "references.", "hosts"))
        and len({json.dumps(run.settings.get(key)) for run in runs}) > 1
    ]


def _read_run(name: str, folder: Path) -> StoredRun:
    rows = read_rows(folder)
    if not rows:
        raise ValueError(
            f"{folder} holds no finished host of a benchmark: "
            f"`aiida-hpaint benchmark REFERENCES --output {folder}` makes it"
        )
    path = folder / SETTINGS
    try:
        settings = flatten(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, AttributeError):
        raise ValueError(f"{path} is damaged: run the benchmark into another folder") from None
    return StoredRun(name, rows, settings)


def _list_places(folder: Path) -> dict[str | None, Path]:
    """Return the folder of each run by its name; None where there is one alone."""
    path = folder / COMPARISON
    if not path.exists():
        return {None: folder}
    try:
        places = json.loads(path.read_text(encoding="utf-8"))
        return {name: folder / place for name, place in places.items()}
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"{path} is damaged: run the benchmark into another folder") from None


def _name_apart(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that are all different."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise ValueError("a folder is given twice")
    length = 1
    while len({path.parts[-length:] for path in paths}) < len(paths):
        length += 1
    return ["/".join(path.parts[-length:]) for path in paths]


def _key(row: HostRow) -> Key:
    return row.index, row.label, row.formula
