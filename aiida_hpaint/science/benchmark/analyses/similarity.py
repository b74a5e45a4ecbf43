"""Similarity of the references of a benchmark to training data, and success against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import PercentFormatter
from scipy.stats import spearmanr

from aiida_hpaint.science.benchmark.analyses.analysis import (
    Analysis,
    flatten_rate,
    format_number,
    format_rate,
    pick_line_colours,
)
from aiida_hpaint.science.benchmark.analyses.fingerprints import (
    NEIGHBOURS,
    find_nearest,
    fingerprint_compositions,
    fingerprint_structure,
    read_formula,
)
from aiida_hpaint.science.benchmark.analyses.stored_runs import StoredRun
from aiida_hpaint.science.benchmark.references import format_reduced_formula
from aiida_hpaint.science.benchmark.report.figure_style import shorten_name
from aiida_hpaint.science.benchmark.statistics.criteria import is_correct, is_success
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.diffusion.training.structures import TrainingStructures
from aiida_hpaint.science.evaluation.success import estimate_rate_as_json
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray

KINDS = {
    "composition": "composition (steps of Pettifor's scale)",
    "structure": f"structure ({NEIGHBOURS} neighbours, Å)",
}
"""Kinds of distances to the nearest training structure, and their units."""

_METRICS = {"composition": "cityblock", "structure": "chebyshev"}

RATES = ("single_unrelaxed", "lowest_match", "les")

_GROUPS = 3


@dataclass(frozen=True)
class TrainingSet:
    """Training structures as fingerprints.

    Attributes
    ----------
    labels
        Names of the structures.
    fingerprints
        (T, F) fingerprints by kind of distance, see `KINDS`.
    formulas
        Reduced formulas that occur.
    """

    labels: Sequence[str]
    fingerprints: Mapping[str, FloatArray]
    formulas: frozenset[str]


def fingerprint_training(
    structures: TrainingStructures, progress: Callable[[int, int], None] | None = None
) -> TrainingSet:
    """Compute the fingerprints of training structures, a few milliseconds each.

    Parameters
    ----------
    structures
        Training structures as they were read.
    progress
        Function that takes how many are done, and of how many.
    """
    ends = np.cumsum(structures.counts)
    numbers, found = [], []
    for row in structures.chosen:
        span = slice(ends[row] - structures.counts[row], ends[row])
        numbers.append(structures.numbers[span])
        found.append(fingerprint_structure(structures.cells[row], structures.frac[span]))
        if progress is not None:
            progress(len(found), len(structures.chosen))
    return TrainingSet(
        [str(structures.labels[row]) for row in structures.chosen],
        {"composition": fingerprint_compositions(numbers), "structure": np.array(found)},
        frozenset(map(format_reduced_formula, numbers)),
    )


def analyse_similarity(
    runs: Sequence[StoredRun],
    training: TrainingSet,
    references: StructureBatch | None = None,
) -> Analysis:
    """Describe the distance of each reference to the nearest training structure, and success.

    Hosts are divided into thirds by their distance, of each kind. Composition and structure are
    compared apart: the nearest by one is rarely the nearest by the other.

    Parameters
    ----------
    runs
        Runs whose hosts are compared.
    training
        Fingerprints of the training structures.
    references
        Complete structures by their labels, for rows that do not have the reference stored.
    """
    details: list[dict[str, Any]] = []
    left_out = []
    for run in runs:
        found, missing = _measure_hosts(run, training, references)
        details += found
        if missing:
            left_out.append(
                f"{run.name}: structures of {missing} of {len(run.rows)} hosts, which the run did "
                "not store: give the file of its references"
            )
        if not _is_relaxed(found):
            left_out.append(f"{run.name}: rates of the lowest, as no sample was relaxed")
    records = [record for run in runs for kind in KINDS for record in _group(run, kind, details)]
    return Analysis(
        name="similarity",
        title=f"Distance to the nearest of {len(training.labels)} training structures, and success",
        head=("run", "nearest by", "distance", "n", "one\nsampled %", "lowest %", "LES %", "rho"),
        table=_format(records),
        records=[_flatten(record) for record in records],
        details={"hosts": details},
        draw=partial(_draw, details=details, records=records, names=[run.name for run in runs]),
        height=5.0,
        left_out=left_out,
    )


def _measure_hosts(
    run: StoredRun, training: TrainingSet, references: StructureBatch | None
) -> tuple[list[dict[str, Any]], int]:
    """Return a record for each host, and how many structures are unknown."""
    numbers = [read_formula(row.formula) for row in run.rows]
    known = [_find_structure(row, references) for row in run.rows]
    nearest: dict[str, dict[int, tuple[float, str]]] = {}
    for kind in KINDS:
        rows = [place for place, one in enumerate(known) if kind == "composition" or one]
        ours = (
            fingerprint_compositions(numbers)
            if kind == "composition"
            else np.array([fingerprint_structure(*one) for one in known if one is not None])
        )
        nearest[kind] = {}
        if rows:
            distances, places = find_nearest(ours, training.fingerprints[kind], _METRICS[kind])
            named = [training.labels[place] for place in places]
            nearest[kind] = dict(
                zip(rows, zip(distances.tolist(), named, strict=True), strict=True)
            )
    records = []
    for place, row in enumerate(run.rows):
        found = {kind: nearest[kind].get(place, (None, None)) for kind in KINDS}
        records.append(
            {
                "run": run.name,
                "host": row.label,
                "formula": row.formula,
                "formula_in_training": format_reduced_formula(numbers[place]) in training.formulas,
                **{f"{kind}_distance": one[0] for kind, one in found.items()},
                **{f"{kind}_nearest": one[1] for kind, one in found.items()},
                **_judge(row),
            }
        )
    return records, sum(one is None for one in known)


def _find_structure(
    row: HostRow, references: StructureBatch | None
) -> tuple[FloatArray, FloatArray] | None:
    """Return cell and fractional coordinates of the reference of a host, if known."""
    if row.structures is not None:
        return np.array(row.structures.cell), np.array(row.structures.reference.coords)
    if references is None or references.labels.count(row.label) != 1:
        return None
    one = references[references.labels.index(row.label)]
    same = np.array_equal(np.sort(one.numbers), np.sort(read_formula(row.formula)))
    return (one.cells[0], one.frac_coords) if same else None


def _judge(row: HostRow) -> dict[str, Any]:
    lowest = row.lowest
    return {
        "single_unrelaxed": float(np.mean([one.match_unrelaxed for one in row.drawn])),
        "lowest_match": None if lowest is None else is_correct(row, lowest),
        "les": None if lowest is None else is_success(row, lowest),
    }


def _group(run: StoredRun, kind: str, details: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a record for each third of the hosts, the nearest to the training first."""
    key = f"{kind}_distance"
    of_run = [one for one in details if one["run"] == run.name]
    own = [one for one in of_run if one[key] is not None]
    own.sort(key=lambda one: float(one[key]))
    rho = _correlate([one[key] for one in own], [one["single_unrelaxed"] for one in own])
    # A host without a lowest candidate is a failure only where samples were relaxed.
    known = RATES if _is_relaxed(of_run) else RATES[:1]
    records = []
    for places in np.array_split(np.arange(len(own)), _GROUPS):
        some = [own[place] for place in places]
        if some:
            rates = {
                rate: estimate_rate_as_json(
                    [float(one[rate] or 0) for one in some if rate in known]
                )
                for rate in RATES
            }
            ends = {"low": some[0][key], "high": some[-1][key], "hosts": len(some)}
            records.append({"run": run.name, "kind": kind, **ends, **rates, **rho})
    return records


def _is_relaxed(details: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether any host has a lowest candidate."""
    return any(one["lowest_match"] is not None for one in details)


def _correlate(distances: Sequence[float], success: Sequence[float]) -> dict[str, float | None]:
    """Return the rank correlation of distance and share of samples that match, and its p-value."""
    if len(distances) < 3 or np.ptp(distances) == 0 or np.ptp(success) == 0:
        return {"spearman": None, "p_value": None}
    found = spearmanr(distances, success)
    return {"spearman": float(found.statistic), "p_value": float(found.pvalue)}


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in record.items() if key not in RATES}
    for rate in RATES:
        flat |= flatten_rate(rate, record[rate])
    return flat


def _format(records: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row for each record; the correlation, over all hosts, beside the first third."""
    rows = []
    known: set[tuple[str, str]] = set()
    for record in records:
        group = (record["run"], record["kind"])
        p_value = "" if record["p_value"] is None else f" (p = {record['p_value']:.2g})"
        rho = format_number(record["spearman"], "+.2f") + p_value
        rows.append(
            [
                *group,
                f"{record['low']:.2f} to {record['high']:.2f}",
                str(record["hosts"]),
                *(format_rate(record[rate]) for rate in RATES),
                "" if group in known else rho,
            ]
        )
        known.add(group)
    return rows


def _draw(
    figure: FigureBase,
    details: Sequence[Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> None:
    """Draw distances to the nearest above, and rates of thirds of the hosts below."""
    panels = figure.subplots(2, len(KINDS), sharex="col", sharey="row")
    colours = pick_line_colours(names)
    for axes, below, (kind, label) in zip(*panels, KINDS.items(), strict=True):
        found = {
            name: [
                one[f"{kind}_distance"]
                for one in details
                if one["run"] == name and one[f"{kind}_distance"] is not None
            ]
            for name in names
        }
        everything = [value for some in found.values() for value in some]
        edges = np.linspace(0, max(everything, default=1.0) or 1.0, 21)
        for name, values in found.items():
            shares = np.histogram(values, edges)[0] / max(len(values), 1)
            axes.stairs(shares, edges, color=colours[name], lw=1.5, label=shorten_name(name))
            _draw_thirds(below, [one for one in records if one["run"] == name], kind, colours[name])
        axes.set_title(kind.capitalize())
        below.set_xlabel(label)
        for one in (axes, below):
            one.yaxis.set_major_formatter(PercentFormatter(1, 0))
    panels[0, 0].set_ylabel("hosts")
    panels[0, 0].legend(frameon=False, fontsize=7.5)
    panels[1, 0].set(ylabel="one sample (dashed), LES", ylim=(0, 1.05))


def _draw_thirds(axes: Any, records: Sequence[Mapping[str, Any]], kind: str, colour: str) -> None:
    some = [record for record in records if record["kind"] == kind]
    middles = [(record["low"] + record["high"]) / 2 for record in some]
    for rate, style in (("single_unrelaxed", "--"), ("les", "-")):
        values = [record[rate]["value"] for record in some]
        if None in values:  # nothing was relaxed
            continue
        errors = [
            [record[rate]["value"] - record[rate]["low"] for record in some],
            [record[rate]["high"] - record[rate]["value"] for record in some],
        ]
        axes.errorbar(middles, values, errors, color=colour, ls=style, marker="o", ms=4, lw=1.2)
