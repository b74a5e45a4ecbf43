"""Tables of a report: rows of texts, of which the first names the row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiida_hpaint.science.benchmark.report.failures import Failure
from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.benchmark.statistics.rows import flatten
from aiida_hpaint.science.evaluation.success import Rate

Rows = list[list[str]]

UNKNOWN = "—"

_RATES = {
    "les": "Lower energy or match (LES)",
    "lowest_match": "Lowest in energy matches",
    "any_match": "Any sample matches",
    "single_sample_match": "One sample matches, relaxed",
    "single_sample_match_unrelaxed": "One sample matches, as sampled",
    "any_match_unrelaxed": "Any sample matches, as sampled",
    "host_match": "Host of the lowest still matches",
    "passes": "Any candidate passes the checks",
}

_COSTS = {
    ("seconds", "per_host"): "CPU seconds per host",
    ("seconds", "sampling_per_sample"): "CPU seconds per sample, before relaxation",
    ("calls", "network_per_sample"): "Network evaluations per sample",
    ("calls", "evaluations_per_host"): "Evaluations of the potential per host",
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

POTENTIAL_HEAD = (
    "potential",
    "its lowest matches",
    "where others do not",
    "none wrong below the reference",
    "margin: median, least (meV/atom)",
    "another lowest",
    "Kendall's tau",
    "Pearson's r",
    "Spearman's rho",
    "deviation (meV/atom)",
    "CPU s per evaluation",
)

PACKAGES = ("aiida-hpaint", "matplotlib", "numpy", "pymatgen", "spglib")


def tabulate_rates(runs: Sequence[Run]) -> Rows:
    """Return rates with standard errors and 95 % intervals, then costs; a column for each run.

    Rows without a value in any run are left out.
    """
    rates = []
    for key, text in _RATES.items():
        found = [run.rate(key) for run in runs]
        rates.append([text, *(f"{r} ({r.interval})" if r is not None else UNKNOWN for r in found)])
    costs = [
        [text, *(_format(run.cost(group, key), ".3g") for run in runs)]
        for (group, key), text in _COSTS.items()
    ]
    hosts = ["Hosts", *(str(len(run.rows)) for run in runs)]
    samples = ["Samples per host", *(str(len(run.rows[0].drawn)) for run in runs)]
    relaxed = ["Relaxed candidates per host", *(_count_candidates(run) for run in runs)]
    return [row for row in [*rates, *costs, hosts, samples, relaxed] if set(row[1:]) != {UNKNOWN}]


def tabulate_failures(failures: Sequence[Failure]) -> Rows:
    """Return a row for each failure, with the columns of `FAILURE_HEAD`."""
    return [
        [
            failure.row.label,
            failure.row.formula,
            f"{failure.row.inserted} / {failure.row.sites}",
            _format(failure.above, "+.1f", 1000),
            failure.status,
            _format(failure.worst, ".2f"),
            failure.reason,
        ]
        for failure in failures
    ]


def tabulate_potentials(records: Sequence[Mapping[str, Any]]) -> Rows:
    """Return a row for each record of `compare_potentials`, with columns of `POTENTIAL_HEAD`."""
    rows = []
    for record in records:
        rates = [
            _format_counted_rate(record.get(key))
            for key in ("choice_match", "contested", "reference_lowest")
        ]
        margin = record.get("margin") or {}
        ends = [_format(margin.get(key), ".1f", 1000) for key in ("median", "least")]
        correlations = (record.get(key) for key in ("tau", "pearson", "spearman"))
        rows.append(
            [
                record["name"],
                *rates,
                ", ".join(ends) if margin else UNKNOWN,
                _format_counted_rate(record.get("another")),
                *(
                    UNKNOWN
                    if found is None or found["value"] is None
                    else f"{found['value']:.3f} ± {found['error']:.3f}"
                    for found in correlations
                ),
                _format(record.get("deviation"), ".1f", 1000),
                _format(record.get("seconds"), ".3f"),
            ]
        )
    return rows


def tabulate_settings(runs: Sequence[Run]) -> tuple[Rows, list[int]]:
    """Return all settings of all runs, and the indices of rows in which runs differ."""
    columns = [
        {key: _format_setting(value) for key, value in flatten(run.settings).items()}
        for run in runs
    ]
    keys = list(dict.fromkeys(key for column in columns for key in column))
    rows = [[key, *(column.get(key, "") for column in columns)] for key in keys]
    return rows, [place for place, row in enumerate(rows) if len(set(row[1:])) > 1]


def tabulate_hashes(runs: Sequence[Run]) -> Rows:
    """Return the SHA-256 of each file of each run."""
    return [[f"{run.name}: {file}", found] for run in runs for file, found in run.hashes.items()]


def tabulate_versions() -> Rows:
    """Return the versions of the packages that write the report."""
    rows = []
    for package in PACKAGES:
        try:
            rows.append([package, version(package)])
        except PackageNotFoundError:
            rows.append([package, "not installed"])
    return rows


def _count_candidates(run: Run) -> str:
    """Return the mean number of candidates that were chosen by their scores."""
    counts = [sum(sample.candidate is True for sample in row.samples) for row in run.rows]
    return f"{sum(counts) / len(counts):.1f}" if any(counts) else UNKNOWN


def _format(value: float | None, form: str, factor: float = 1.0) -> str:
    # A cost that the summary lacks is NaN, which differs from itself.
    return UNKNOWN if value is None or value != value else format(factor * value, form)


def _format_counted_rate(entry: Mapping[str, Any] | None) -> str:
    """Format a rate with the number of hosts that it is over."""
    if entry is None or entry["value"] is None:
        return UNKNOWN
    rate = Rate(entry["value"], entry["error"], entry["n"])
    return f"{rate} ({rate.interval}; n = {rate.n})"


def _format_setting(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
