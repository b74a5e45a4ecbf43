"""Success and kinds of failure by size, of benchmarks and of the baseline by DFT."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase

from aiida_hpaint.science.benchmark.analyses.analysis import (
    Analysis,
    flatten_rate,
    format_rate,
)
from aiida_hpaint.science.benchmark.analyses.stored_runs import StoredRun
from aiida_hpaint.science.benchmark.report.figure_style import BASELINE, PALETTE, shorten_name
from aiida_hpaint.science.benchmark.statistics import reasons
from aiida_hpaint.science.benchmark.statistics.criteria import WITHIN, is_correct, is_success
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.benchmark.statistics.summary import INSERTED, SITES, name_span
from aiida_hpaint.science.evaluation.success import estimate_rate_as_json

RIGHT = "matches the reference"

HIGHER = "higher in energy than the reference"

NOT_FINISHED = "did not finish"

SPLITS = {"sites": SITES, "inserted": INSERTED}


@dataclass(frozen=True)
class Outcome:
    """What became of one host by one method.

    Attributes
    ----------
    method
        Name of the run, or of the baseline.
    host, formula
        Its label, and the formula of its reference.
    sites, inserted
        Number of all and of inserted sites.
    match, les
        Whether the answer matches the reference, or matches or is lower in energy.
    above
        Energy of the answer above the reference, eV per atom; None if unknown.
    kind
        Why it is not the reference; `RIGHT` if it is.
    """

    method: str
    host: str
    formula: str
    sites: int
    inserted: int
    match: bool
    les: bool
    above: float | None
    kind: str


def list_outcomes(run: StoredRun) -> list[Outcome]:
    """Return the outcome of the lowest candidate of each host of a run.

    Raises
    ------
    ValueError
        If samples were not relaxed.
    """
    if all(row.lowest is None for row in run.rows):
        raise ValueError(
            f"{run.name} has no relaxed sample: `aiida-hpaint benchmark` without --unrelaxed makes "
            "them"
        )
    return [_judge(run.name, row) for row in run.rows]


def read_baseline(path: Path) -> list[Outcome]:
    """Read the lines of `benchmarks/baseline.py`: each host by diffusion and by the baseline.

    The baseline places sites at maxima of electrostatic potentials and relaxes by DFT; both answers
    are compared after relaxation by DFT.

    Raises
    ------
    ValueError
        If a line is none of those.
    """
    outcomes = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            for method in ("diffusion", "baseline"):
                outcomes.append(_judge_by_dft(f"{path.stem}: {method}", row, row[method]))
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"{path}, line {number}, is no result of benchmarks/baseline.py: its --output has "
                "them"
            ) from None
    if not outcomes:
        raise ValueError(f"{path} is empty: benchmarks/baseline.py --output {path} fills it")
    return outcomes


def analyse_failures(outcomes: Sequence[Outcome]) -> Analysis:
    """Count successes and kinds of failure of each method, by number of sites."""
    methods = list(dict.fromkeys(one.method for one in outcomes))
    records = [
        record
        for method in methods
        for record in _split([one for one in outcomes if one.method == method])
    ]
    shared = {method: {one.host for one in outcomes if one.method == method} for method in methods}
    common = set.intersection(*shared.values())
    left_out = [
        f"{method}: {len(hosts - common)} of {len(hosts)} hosts are not in all others: rates of "
        "different hosts do not compare"
        for method, hosts in shared.items()
        if hosts - common
    ]
    return Analysis(
        name="failures",
        title="Success by size and kinds of failure, with 95 % intervals",
        head=("method", "hosts", "n", "matches %", "LES %"),
        table=[line for record in records for line in _format(record)],
        records=[_flatten(record) for record in records],
        details={"hosts": [asdict(one) for one in outcomes]},
        draw=partial(_draw, records=records, methods=methods),
        height=0.9 + 2.3 * len(methods),
        left_out=left_out,
    )


def _judge(method: str, row: HostRow) -> Outcome:
    lowest = row.lowest
    match = lowest is not None and is_correct(row, lowest)
    return Outcome(
        method,
        row.label,
        row.formula,
        row.sites,
        row.inserted,
        match,
        lowest is not None and is_success(row, lowest),
        None if lowest is None else lowest.energy_difference,
        RIGHT if match else reasons.find_reason(row),
    )


def _judge_by_dft(method: str, row: Mapping[str, Any], found: Mapping[str, Any]) -> Outcome:
    match = found["match"] is True
    above = None if found["above"] is None else found["above"] / 1000
    lower = above is not None and above < 0
    if match:
        kind = RIGHT
    elif found["match"] is None or found.get("status"):
        # The message of the exit code says at which step; earlier files have the status alone.
        status = f"exit status {found['status']}" if found.get("status") else "no energy by DFT"
        kind = f"{NOT_FINISHED}: {found.get('message') or status}"
    elif above is None:
        kind = f"{NOT_FINISHED}: no energy by DFT"
    else:
        kind = reasons.LOWER if lower else reasons.DEGENERATE if above < WITHIN else HIGHER
    sizes = int(row["sites"]), int(row["missing"])
    return Outcome(method, row["label"], row["formula"], *sizes, match, match or lower, above, kind)


def _split(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return a record for all hosts, and for those of each size."""
    groups = [("all", "", list(outcomes))]
    for split, spans in SPLITS.items():
        for low, high in spans:
            top = np.inf if high is None else high
            some = [one for one in outcomes if low <= getattr(one, split) <= top]
            groups.append((split, name_span(low, high), some))
    return [
        {
            "method": some[0].method,
            "by": split,
            "size": name,
            "hosts": len(some),
            "match": estimate_rate_as_json([one.match for one in some]),
            "les": estimate_rate_as_json([one.les for one in some]),
            "kinds": dict(Counter(one.kind for one in some).most_common()),
        }
        for split, name, some in groups
        if some
    ]


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    flat = {key: record[key] for key in ("method", "by", "size", "hosts")}
    for rate in ("match", "les"):
        flat |= flatten_rate(rate, record[rate])
    return flat | dict(record["kinds"])


def _format(record: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for the hosts of one size; for all of them, also one for each kind."""
    name = f"{record['size']} {record['by']}".strip()
    rates = [format_rate(record[key]) for key in ("match", "les")]
    lines = [[record["method"], name, str(record["hosts"]), *rates]]
    if record["by"] == "all":
        kinds = record["kinds"].items()
        lines += [["", f"  {kind}", str(n), "", ""] for kind, n in kinds if kind != RIGHT]
    return lines


def _draw(figure: FigureBase, records: Sequence[Mapping[str, Any]], methods: Sequence[str]) -> None:
    """Draw how many hosts of each size end in which way, a row for each method."""
    panels = figure.subplots(len(methods), len(SPLITS), sharex="col", squeeze=False)
    kinds = list(dict.fromkeys(kind for one in records for kind in one["kinds"] if kind != RIGHT))
    colours = {RIGHT: (BASELINE, ""), **{kind: _pick(place) for place, kind in enumerate(kinds)}}
    for line, method in zip(panels, methods, strict=True):
        for axes, split in zip(line, SPLITS, strict=True):
            some = [one for one in records if one["method"] == method and one["by"] == split]
            there = {one["size"] for one in records if one["by"] == split}
            names = [name for span in SPLITS[split] if (name := name_span(*span)) in there]
            places = [names.index(one["size"]) for one in some]
            bottom = np.zeros(len(some))
            for kind, colour in colours.items():
                counts = np.array([one["kinds"].get(kind, 0) for one in some], dtype=float)
                axes.bar(
                    places, counts, bottom=bottom, color=colour[0], hatch=colour[1], label=kind
                )
                bottom += counts
            axes.set_xticks(range(len(names)), names)
            axes.grid(visible=False, axis="x")
        line[0].set_ylabel(f"{shorten_name(method)}: hosts")
    for axes, title in zip(panels[0], ("By all sites", "By inserted sites"), strict=True):
        axes.set_title(title)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=7.5)


def _pick(place: int) -> tuple[str, str]:
    """Return colour and hatch of a kind of failure; a seventh has the first colour, hatched."""
    return PALETTE[place % len(PALETTE)], ("", "//", "..", "xx")[place // len(PALETTE) % 4]
