"""Distances of predictions from their references, before and after relaxation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import PercentFormatter
from scipy.stats import ecdf

from aiida_hpaint.science.benchmark.analyses.analysis import (
    Analysis,
    format_number,
    pick_line_colours,
)
from aiida_hpaint.science.benchmark.analyses.stored_runs import StoredRun
from aiida_hpaint.science.benchmark.report.figure_style import shorten_name
from aiida_hpaint.science.benchmark.statistics.criteria import CLOSE
from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow
from aiida_hpaint.science.types import FloatArray

MEASURES = {
    "rmsd_inserted": "inserted, RMS (Å)",
    "worst_inserted": "inserted, largest (Å)",
    "rmsd": "all sites of matches, RMS",
}
"""Distances by the names of their attributes, and what they are called in tables and figures.

The last is in units of (V / sites)^(1/3), as `StructureMatcher` gives it for structures that match.
"""

_ENDS = {"rmsd_inserted": (1e-3, 5), "worst_inserted": (1e-3, 10), "rmsd": (1e-4, 0.5)}

Pick = Callable[[HostRow], Sequence[SampleRow]]


def analyse_distances(runs: Sequence[StoredRun]) -> Analysis:
    """Describe distances from the reference as sampled and relaxed, of all samples and the lowest.

    Samples are those that the generator drew before any search, and that were relaxed to the end;
    a duplicate has the outcome of the sample that was relaxed in its place. Both distances of the
    same samples are compared, so that those that are sorted out do not make relaxation look better
    than it is.
    """
    details = [record for run in runs for record in _list_samples(run)]
    records, left_out = [], []
    for run in runs:
        own = [one for one in details if one["run"] == run.name]
        drawn = sum(len(row.drawn) for row in run.rows)
        done = sum(one["drawn"] for one in own)
        if drawn > done:
            left_out.append(
                f"{run.name}: {drawn - done} of {drawn} samples, which were sorted out, stopped or "
                "not relaxed"
            )
        for of in ("samples", "lowest"):
            some = [one for one in own if one["drawn" if of == "samples" else "lowest"]]
            records += [_summarise(run.name, of, measure, some) for measure in MEASURES]
    if not details:
        raise ValueError(
            "no sample was relaxed to its end: `aiida-hpaint benchmark` without --unrelaxed does it"
        )
    return Analysis(
        name="distances",
        title="Distances from the reference: median, 90th percentile",
        head=("run", "of", "distance", "n", "sampled", "relaxed", "closer", f"within\n{CLOSE:g} Å"),
        table=[_format(record) for record in records if record["n"]],
        records=records,
        details={"samples": details},
        draw=partial(_draw, details=details, names=[run.name for run in runs]),
        height=5.2,
        left_out=left_out,
    )


def _list_samples(run: StoredRun) -> list[dict[str, Any]]:
    """Return a record for each sample that was relaxed to its end."""
    records = []
    for row in run.rows:
        drawn = {one.sample for one in row.drawn}
        lowest = None if row.lowest is None else row.lowest.sample
        for one in row.samples:
            end = row.outcome(one)
            is_lowest = one.sample == lowest
            if end.rank < 0 or not (one.sample in drawn or is_lowest):
                continue
            found = {
                f"{measure}_{when}": getattr(sample, measure + ending)
                for measure in MEASURES
                for when, ending, sample in (("sampled", "_unrelaxed", one), ("relaxed", "", end))
            }
            records.append(
                {
                    "run": run.name,
                    "host": row.label,
                    "sample": one.sample,
                    "drawn": one.sample in drawn,
                    "lowest": is_lowest,
                    **found,
                }
            )
    return records


def _take(records: Sequence[Mapping[str, Any]], measure: str) -> FloatArray:
    """Return (n, 2) distances as sampled and relaxed, of samples that have both."""
    pairs = [(one[f"{measure}_sampled"], one[f"{measure}_relaxed"]) for one in records]
    return np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)


def _summarise(
    run: str, of: str, measure: str, records: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    pairs = _take(records, measure)
    known: dict[str, Any] = {"run": run, "of": of, "distance": measure, "n": len(pairs)}
    if not len(pairs):
        return known
    for when, values in zip(("sampled", "relaxed"), pairs.T, strict=True):
        known[f"{when}_median"], known[f"{when}_p90"] = np.percentile(values, [50, 90]).tolist()
        if measure != "rmsd":
            known[f"{when}_close"] = float((values < CLOSE).mean())
    return {**known, "closer": float((pairs[:, 1] < pairs[:, 0]).mean())}


def _format(record: Mapping[str, Any]) -> list[str]:
    ends = [
        ", ".join(format_number(record[f"{when}_{kind}"], ".3f") for kind in ("median", "p90"))
        for when in ("sampled", "relaxed")
    ]
    close = [record.get(f"{when}_close") for when in ("sampled", "relaxed")]
    shares = " to ".join(format_number(share, ".0f", 100) for share in close)
    return [
        record["run"],
        record["of"],
        MEASURES[record["distance"]].replace(" of matches", ""),
        str(record["n"]),
        *ends,
        format_number(record["closer"], ".0f", 100) + " %",
        "" if None in close else f"{shares} %",
    ]


def _draw(figure: FigureBase, details: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Draw cumulative distances: as sampled (dashed) and relaxed, of samples and of the lowest."""
    panels = figure.subplots(2, len(MEASURES), sharex="col", sharey=True)
    colours = pick_line_colours(names)
    for line, (key, title) in zip(
        panels, (("drawn", "samples"), ("lowest", "lowest")), strict=True
    ):
        for axes, (measure, label) in zip(line, MEASURES.items(), strict=True):
            axes.set_xscale("log")
            axes.set_xlim(_ENDS[measure])
            for name in names:
                pairs = _take([one for one in details if one["run"] == name and one[key]], measure)
                for values, style in zip(pairs.T, ("--", "-"), strict=True):
                    if len(values):
                        floor = np.maximum(values, _ENDS[measure][0])
                        ecdf(floor).cdf.plot(axes, color=colours[name], ls=style, lw=1.4)
            axes.set_xlabel(label if key == "lowest" else "")
            axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        line[0].set_ylabel(title)
    for name in names:
        panels[0, 0].plot([], [], color=colours[name], label=shorten_name(name))
    panels[0, 0].legend(frameon=False, fontsize=7.5, loc="upper left")
    panels[0, 0].set_title("dashed: as sampled; lines: relaxed")
