"""Tables of a report, as texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiida_hpaint.science.benchmark.report.failures import Failure
from aiida_hpaint.science.benchmark.report.runs import Run

Rows = list[list[str]]

RATES = {
    "les": "Lower energy or match (LES)",
    "lowest_match": "Lowest in energy matches",
    "any_match": "Any sample matches",
    "single_sample_match": "One sample matches, relaxed",
    "single_sample_match_unrelaxed": "One sample matches, as drawn",
    "any_match_unrelaxed": "Any sample matches, as drawn",
    "host_match": "Host stays, of the lowest",
}

COSTS = {
    ("seconds", "per_host"): "CPU seconds a host",
    ("seconds", "sampling_per_sample"): "CPU seconds to draw a sample",
    ("calls", "network_per_sample"): "Network calls a sample",
    ("calls", "evaluations_per_host"): "Evaluations of the potential a host",
}

FAILURE_HEAD = (
    "structure",
    "formula",
    "inserted / sites",
    "above reference (meV/atom)",
    "status of the best sample",
    "farthest inserted site (Å)",
    "reason",
)

PACKAGES = ("aiida-hpaint", "matplotlib", "numpy", "pymatgen", "spglib")


def headline(runs: Sequence[Run]) -> Rows:
    """Rates with their standard errors and 95 % intervals, then costs; a column for each run.

    What no run has is left out.
    """
    rates = [[text, *(_rate(run, key) for run in runs)] for key, text in RATES.items()]
    costs = [[text, *(_cost(run, *key) for run in runs)] for key, text in COSTS.items()]
    hosts = ["Hosts", *(str(len(run.rows)) for run in runs)]
    samples = ["Samples drawn a host", *(str(len(run.rows[0].drawn)) for run in runs)]
    relaxed = ["Candidates relaxed a host", *(_candidates(run) for run in runs)]
    return [row for row in [*rates, *costs, hosts, samples, relaxed] if set(row[1:]) != {"—"}]


def failure_rows(failures: Sequence[Failure]) -> Rows:
    """A row for each failure, below `FAILURE_HEAD`."""
    return [
        [
            failure.row.label,
            failure.row.formula,
            f"{failure.row.inserted} / {failure.row.sites}",
            _number(failure.above, lambda value: f"{1000 * value:+.1f}"),
            failure.status,
            _number(failure.worst, lambda value: f"{value:.2f}"),
            failure.reason,
        ]
        for failure in failures
    ]


def settings_rows(runs: Sequence[Run]) -> tuple[Rows, list[int]]:
    """All settings of all runs, and the places of those in which runs differ."""
    flat = [flatten(run.settings) for run in runs]
    keys = list(dict.fromkeys(key for settings in flat for key in settings))
    rows = [[key, *(settings.get(key, "") for settings in flat)] for key in keys]
    return rows, [place for place, row in enumerate(rows) if len(set(row[1:])) > 1]


def hash_rows(runs: Sequence[Run]) -> Rows:
    """SHA-256 of the files of each run."""
    return [[f"{run.name}: {file}", found] for run in runs for file, found in run.hashes.items()]


def version_rows() -> Rows:
    """What the report is written with."""
    return [[package, _version(package)] for package in PACKAGES]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as one, keys joined by dots, values as JSON except texts."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[f"{prefix}{key}"] = "—" if value is None else text
    return flat


def _candidates(run: Run) -> str:
    """How many a funnel relaxed, on average."""
    counts = [sum(s.candidate is True for s in row.samples) for row in run.rows]
    return f"{sum(counts) / len(counts):.1f}" if any(counts) else "—"


def _rate(run: Run, key: str) -> str:
    found = run.rate(key)
    return "—" if found is None else f"{found} ({found.interval})"


def _cost(run: Run, group: str, key: str) -> str:
    value = run.cost(group, key)
    return _number(None if value != value else value, lambda cost: f"{cost:.3g}")


def _number(value: float | None, text: Callable[[float], str]) -> str:
    return "—" if value is None else text(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
