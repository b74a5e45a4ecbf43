"""Run: the results of one generator in a benchmark, read from its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_hpaint.science.benchmark.statistics import HostRow, read_rows
from aiida_hpaint.science.benchmark.statistics.rows import ROWS, SETTINGS, SUMMARY
from aiida_hpaint.science.evaluation.success import Rate
from aiida_hpaint.science.files import hash_file


@dataclass(frozen=True)
class Run:
    """A benchmark of one generator.

    Attributes
    ----------
    name
        Name of the generator in figures and tables.
    rows
        One row per host.
    summary, settings
        Contents of `summary.json` and `settings.json`.
    hashes
        SHA-256 of each file that was read.
    """

    name: str
    rows: Sequence[HostRow]
    summary: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def relaxed(self) -> bool:
        """Whether samples were relaxed, or only compared as sampled."""
        return "les" in self.summary

    @property
    def has_potentials(self) -> bool:
        """Whether several potentials evaluated the relaxed candidates."""
        return bool(self.summary.get("potentials"))

    def rate(self, key: str) -> Rate | None:
        """Return a success rate of the summary; None where it has none."""
        return _rate(self.summary.get(key))

    def rates_by_k(self, key: str) -> list[Rate]:
        """Return a rate for k = 1, 2, ... samples; empty where the summary has none."""
        found = [_rate(entry) for entry in self.summary.get(f"{key}_by_k", ())]
        return [rate for rate in found if rate is not None]

    def split(self, split: str, key: str) -> dict[str, Rate]:
        """Return a rate for each group of hosts by name; `split` is a key of `splits`."""
        groups = self.summary.get("splits", {}).get(split, ())
        found = {group["name"]: _rate(group.get(key)) for group in groups}
        return {name: rate for name, rate in found.items() if rate is not None}

    def cost(self, group: str, key: str) -> float:
        """Return a number under `seconds` or `calls`; NaN where the summary has none."""
        return float(self.summary.get(group, {}).get(key, "nan"))


def read_run(name: str, folder: Path) -> Run:
    """Read a folder of one generator.

    Raises
    ------
    ValueError
        If a file is missing, is not what it should be, or no host is finished.
    """
    rows = read_rows(folder)
    if not rows:
        raise ValueError(f"{folder} holds no finished host: run the benchmark first")
    summary, settings = (_read(folder / file) for file in (SUMMARY, SETTINGS))
    files = [folder / file for file in (ROWS, SUMMARY, SETTINGS)]
    hashes = {file.name: hash_file(file) for file in files}
    return Run(name, rows, summary, settings, hashes)


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    if not path.exists():
        raise ValueError(f"{path} is missing: run the benchmark to its end")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): run the benchmark again") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} does not hold a JSON object: run the benchmark again")
    return found


def _rate(entry: Any) -> Rate | None:
    """Return a rate of the summary, None where it has no value."""
    if not isinstance(entry, Mapping) or entry.get("value") is None:
        return None
    return Rate(float(entry["value"]), float(entry["error"]), int(entry["n"]))
