"""Success rates against settings: sampling steps, signal-to-noise ratio, samples, relaxation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import PercentFormatter
from scipy.stats import wilcoxon

from aiida_hpaint.science.benchmark.analyses.analysis import (
    UNKNOWN,
    Analysis,
    flatten_rate,
    format_number,
    format_rate,
    pick_line_colours,
)
from aiida_hpaint.science.benchmark.analyses.stored_runs import (
    StoredRun,
    find_differing_settings,
    keep_common_hosts,
)
from aiida_hpaint.science.benchmark.statistics.summary import measure_rates

RATES = {
    "single_sample_match_unrelaxed": "one\nsampled %",
    "any_match_unrelaxed": "any\nsampled %",
    "single_sample_match": "one\nrelaxed %",
    "lowest_match": "lowest\n%",
    "les": "LES\n%",
}
"""Rates by their names in a summary, and titles of their columns."""

CALLS = "network_calls_per_sample"

P_VALUE = "p_value"


def analyse_sampling(runs: Sequence[StoredRun], against: str | None = None) -> Analysis:
    """Compare success rates of runs that differ in settings, on the hosts that all have finished.

    `p_value` is that of Wilcoxon's signed-rank test, host by host, of the share of samples that
    match before relaxation against that of the first run: rates of the same hosts differ by less
    than their intervals suggest, as easy hosts are easy for both.

    Parameters
    ----------
    runs
        Runs with the same references.
    against
        Setting on the axis of the figure, like `sampling.steps` or `sampling.snr`; None: the one
        setting in which runs differ, or else the evaluations of the network per sample.

    Raises
    ------
    ValueError
        If runs have no host in common, or `against` is no number in any of them.
    """
    kept, left_out = keep_common_hosts(runs)
    differing = find_differing_settings(kept)
    axis = _choose_axis(kept, differing, against)
    if axis is not None:
        differing = list(dict.fromkeys([axis, *differing]))
    records = [{**_describe(run, differing), P_VALUE: _compare(kept[0], run)} for run in kept]
    counts = {float(record["samples"]) for record in records}
    if len(counts) > 1:
        left_out.append(
            "rates of any sample and of the lowest are not comparable where runs differ in their "
            f"number of samples ({', '.join(f'{count:g}' for count in sorted(counts))})"
        )
    points: list[float | None]
    if axis is None:
        points = [float(record[CALLS]) for record in records]
    else:
        left_out += [
            f"{run.name}: not in the figure, as its model's card says what {_short(axis)} is"
            for run in kept
            if _number(run.settings.get(axis)) is None
        ]
        points = [_number(run.settings.get(axis)) for run in kept]
    label = "evaluations of the network per sample" if axis is None else _short(axis)
    return Analysis(
        name="sampling",
        title=f"Success rates of {len(kept[0].rows)} hosts with 95 % intervals",
        head=("run", *map(_short, differing[:_SHOWN]), "calls", *RATES.values(), "p"),
        table=[_format(record, differing) for record in records],
        records=[_flatten(record) for record in records],
        draw=partial(_draw, records=records, points=points, label=label),
        left_out=left_out,
    )


_SHOWN = 2
"""Settings in the table; the CSV has all that differ."""


def _choose_axis(
    runs: Sequence[StoredRun], differing: Sequence[str], against: str | None
) -> str | None:
    if against is not None:
        key = f"settings.{against}"
        if all(_number(run.settings.get(key)) is None for run in runs):
            raise ValueError(
                f"no run has a number for {against}: name a setting like sampling.steps or "
                "sampling.snr that was given to `aiida-hpaint benchmark --set`"
            )
        return key
    # The models that runs differ in are no settings that a figure can be drawn against.
    known = [key for key in differing if any(_number(run.settings.get(key)) for run in runs)]
    return known[0] if len(known) == 1 else None


def _describe(run: StoredRun, differing: Sequence[str]) -> dict[str, Any]:
    drawn = sum(len(row.drawn) for row in run.rows)
    calls = sum(row.network_calls for row in run.rows)
    rates = measure_rates(run.rows)
    return {
        "run": run.name,
        **{_short(key): run.settings[key] for key in differing if key in run.settings},
        "hosts": len(run.rows),
        "samples": drawn / len(run.rows),
        CALLS: calls / drawn,
        **{key: rates.get(key) for key in RATES},
    }


def _compare(first: StoredRun, run: StoredRun) -> float | None:
    """Return the p-value of the shares of samples that match, against the first run."""
    if run is first:
        return None
    ours, theirs = (
        np.array([np.mean([one.match_unrelaxed for one in row.drawn]) for row in some.rows])
        for some in (first, run)
    )
    changes = theirs - ours
    return float(wilcoxon(changes).pvalue) if changes.any() else 1.0


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if key not in RATES:
            flat[key] = value
        elif value is not None:
            flat |= flatten_rate(key, value)
    return flat


def _format(record: Mapping[str, Any], differing: Sequence[str]) -> list[str]:
    return [
        record["run"],
        *(_format_setting(record, _short(key)) for key in differing[:_SHOWN]),
        format_number(record[CALLS], ".0f"),
        *(format_rate(record[key]) for key in RATES),
        format_number(record[P_VALUE], ".2g"),
    ]


def _format_setting(record: Mapping[str, Any], key: str) -> str:
    """Return a setting; a dash where an earlier version did not have it."""
    value = record.get(key, UNKNOWN)
    return "default" if value is None else str(value)


def _draw(
    figure: FigureBase,
    records: Sequence[Mapping[str, Any]],
    points: Sequence[float | None],
    label: str,
) -> None:
    """Draw rates against a setting, as sampled on the left and relaxed on the right."""
    panels = figure.subplots(1, 2, sharey=True)
    colours = pick_line_colours(list(RATES))
    for axes, relaxed in zip(panels, (False, True), strict=True):
        for key in RATES:
            if key.endswith("unrelaxed") is relaxed:
                continue
            line = sorted(
                (point, rate["value"], rate["low"], rate["high"])
                for point, record in zip(points, records, strict=True)
                if point is not None and (rate := record[key]) is not None
            )
            if not line:
                continue
            at, values, low, high = zip(*line, strict=True)
            axes.plot(at, values, color=colours[key], marker="o", ms=4, lw=1.5)
            axes.fill_between(at, low, high, color=colours[key], alpha=0.12, lw=0)
            axes.plot(
                [], [], color=colours[key], label=RATES[key].replace("\n", " ").removesuffix(" %")
            )
        axes.set(title="Relaxed" if relaxed else "As sampled", xlabel=label, ylim=(0, 1.03))
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        if axes.lines:
            axes.legend(frameon=False, fontsize=7.5)
    panels[0].set_ylabel("hosts or samples")


def _short(key: str) -> str:
    return key.removeprefix("settings.").removeprefix("sampling.")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
