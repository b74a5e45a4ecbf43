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
    "les_host_kept": "LES, lower only with the host kept",
    "les_strict": "LES of the answer, lower only if it passes and the host is kept",
    "les_within": "The same, or within 1 meV/atom",
    "les_close": "The same, with sites within 0.3 Å for a match",
    "les_all_relaxed": "LES, held hosts beside references with all sites relaxed",
    "les_strict_all_relaxed": "LES of the answer, the same",
    "lowest_match": "Lowest in energy matches",
    "lowest_close": "Its inserted sites are within 0.3 Å",
    "lowest_carriers": "Its H are at the right atoms",
    "answer_group": "Answer has the space group of the reference",
    "any_match": "Any sample matches",
    "single_sample_match": "One sample matches, relaxed",
    "single_sample_match_unrelaxed": "One sample matches, as sampled",
    "single_sample_carriers_unrelaxed": "One sample has H at the right atoms",
    "any_match_unrelaxed": "Any sample matches, as sampled",
    "host_match": "Host of the lowest still matches",
    "passes": "Any candidate passes the checks",
}

_CALIBRATION = {
    "sure_share": "Hosts that are said to be 95 % sure",
    "sure_right": "Of these are right",
}

SPLITS = {"sites": "sites", "inserted": "inserted sites", "chemistry": ""}
"""Kinds of host that rates are broken down by, as `splits` of a summary has them, and units."""

_OF_KIND = ("single_sample_match_unrelaxed", "lowest_match", "les_strict")

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
    "lowest above reference (meV/atom)",
    "answer above reference (meV/atom)",
    "status of the best sample",
    "farthest inserted site (Å)",
    "reason",
)

HOST_HEAD = (
    "structure",
    "formula",
    "inserted / sites",
    "result",
    "lowest above reference (meV/atom)",
    "answer above reference (meV/atom)",
    "found",
    "confidence",
    "farthest inserted site (Å)",
    "checks",
)

RELIABILITY_HEAD = ("confidence", "mean", "right")

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
    """Return rates with 95 % intervals, then calibration and costs; a column for each run.

    Rows without a value in any run are left out.
    """
    rates = [[text, *(_format_rate(run.rate(key)) for run in runs)] for key, text in _RATES.items()]
    said = [run.summary.get("confidence") or {} for run in runs]
    calibration = [
        [text, *(_format_counted_rate(found.get(key)) for found in said)]
        for key, text in _CALIBRATION.items()
    ]
    brier = [
        f"{found['brier']:.3f} ({found['brier_constant']:.3f})" if found else UNKNOWN
        for found in said
    ]
    costs = [
        [text, *(_format(run.cost(group, key), ".3g") for run in runs)]
        for (group, key), text in _COSTS.items()
    ]
    candidates = (_format(run.summary.get("candidates_per_host"), ".1f") for run in runs)
    rows = [
        *rates,
        *calibration,
        ["Brier score of the confidence (of a constant)", *brier],
        *costs,
        [
            "Hosts held as measured, compared with references with H alone relaxed",
            *(_format(run.summary.get("held"), ".0f") for run in runs),
        ],
        ["Hosts", *(str(run.summary["hosts"]) for run in runs)],
        ["Samples per host", *(f"{run.summary['samples']:g}" for run in runs)],
        ["Relaxed candidates per host", *candidates],
    ]
    return [row for row in rows if set(row[1:]) != {UNKNOWN}]


def tabulate_splits(runs: Sequence[Run]) -> Rows:
    """Return rates by kind of host: one sample as sampled, lowest matches, LES strict; and n."""
    rows = []
    for split, unit in SPLITS.items():
        found = [[run.split(split, key) for key in _OF_KIND] for run in runs]
        for name in dict.fromkeys(name for first, *_ in found for name in first):
            cells = [[rates.get(name) for rates in of_run] for of_run in found]
            rows.append([f"{name} {unit}".strip(), *map(_format_kind, cells)])
    return rows


def tabulate_reliability(run: Run) -> Rows:
    """Return a row for each group of hosts with similar confidence; see `RELIABILITY_HEAD`."""
    return [
        [
            f"{100 * group['low']:.0f} to {100 * group['high']:.0f} %",
            f"{100 * group['confidence']:.1f} %",
            _format_counted_rate(group["right"]),
        ]
        for group in (run.summary.get("confidence") or {}).get("reliability", ())
    ]


def tabulate_failures(failures: Sequence[Failure]) -> Rows:
    """Return a row for each failure, with the columns of `FAILURE_HEAD`."""
    return [
        [
            failure.row.label,
            failure.row.formula,
            f"{failure.row.inserted} / {failure.row.sites}",
            _format(failure.above, "+.1f", 1000),
            _format(failure.answer_above, "+.1f", 1000),
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


def _format_rate(rate: Rate | None) -> str:
    return UNKNOWN if rate is None else str(rate)


def _format_kind(rates: Sequence[Rate | None]) -> str:
    known = [rate for rate in rates if rate is not None]
    if not known:
        return UNKNOWN
    shares = (UNKNOWN if rate is None else f"{100 * rate.value:.0f}" for rate in rates)
    return f"{' / '.join(shares)} % (n = {known[0].n})"


def _format(value: float | None, form: str, factor: float = 1.0) -> str:
    # A cost that the summary lacks is NaN, which differs from itself.
    return UNKNOWN if value is None or value != value else format(factor * value, form)


def _format_counted_rate(entry: Mapping[str, Any] | None) -> str:
    """Format a rate with the number of hosts that it is over."""
    if entry is None or entry["value"] is None:
        return UNKNOWN
    rate = Rate(entry["value"], entry["error"], entry["n"])
    return f"{100 * rate.value:.1f} % ({rate.interval}; n = {rate.n})"


def _format_setting(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
