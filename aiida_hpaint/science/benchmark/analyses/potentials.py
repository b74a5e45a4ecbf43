"""Agreement of potentials with each other or with DFT on energies of the same candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from scipy.stats import kendalltau, pearsonr, spearmanr

from aiida_hpaint.science.benchmark.analyses.analysis import (
    Analysis,
    flatten_rate,
    format_number,
    format_rate,
)
from aiida_hpaint.science.benchmark.analyses.energies import HostEnergies
from aiida_hpaint.science.benchmark.report.figure_style import FAINT, PALETTE, shorten_name
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY
from aiida_hpaint.science.evaluation.success import estimate_rate_as_json
from aiida_hpaint.science.types import FloatArray

_COLUMNS = 4

Pair = tuple[FloatArray, FloatArray]
"""Energies (C,) of the candidates of one host by two potentials, eV per atom."""


def analyse_potentials(hosts: Sequence[HostEnergies], against: str | None = None) -> Analysis:
    """Compare the energy differences of candidates between each two potentials.

    Parameters
    ----------
    hosts
        Energies of the candidates of each host.
    against
        Potential (or DFT) that the table and the figure compare with; None: DFT where there is
        one, or else the first. The CSV has each pair.

    Raises
    ------
    ValueError
        If fewer than two potentials have energies of the same candidates, or none has the name
        `against`.
    """
    names = list(dict.fromkeys(name for host in hosts for name in host.energies))
    if len(names) < 2:
        raise ValueError(
            f"there are only energies by {', '.join(names) or 'nothing'}: `aiida-hpaint benchmark "
            "--potentials all` adds those of other potentials, `aiida-hpaint validate PK "
            "--candidates N` those of DFT (validation.csv)"
        )
    base = against or ("DFT" if "DFT" in names else names[0])
    if base not in names:
        raise ValueError(f"there are no energies by {base}: there are {', '.join(names)}")
    # Each pair once, with the one that the table compares with first.
    order = [base, *(name for name in names if name != base)]
    records = [compare_energies(hosts, *two) for two in combinations(order, 2)]
    shown = [record for record in records if record["against"] == base]
    if not any(record["hosts"] for record in shown):
        raise ValueError(f"no host has two candidates or more with an energy by {base} and another")
    return Analysis(
        name="potentials",
        title=f"Energy differences between candidates of the same host, against {base}",
        head=("potential", "hosts", "pairs", "Pearson", "Spearman", "Kendall", *_MORE),
        table=[_format(record) for record in shown],
        records=[_flatten(record) for record in records],
        details={"pairs": _list_pairs(hosts, order)},
        draw=partial(_draw, hosts=hosts, order=order, records=shown),
        height=0.4 + 2.7 * -(-len(shown) // _COLUMNS),
        left_out=_list_left_out(hosts, order),
    )


_MORE = ("mean abs.\nmeV/atom", "same\norder", "same\nlowest %")


def compare_energies(hosts: Sequence[HostEnergies], base: str, other: str) -> dict[str, Any]:
    """Return how well two potentials agree, over hosts with two candidates or more by both.

    Returns
    -------
    mapping
        `potential`, `against`: names; `hosts`, `pairs`: counts; `pearson`: correlation of the
        energy differences of all pairs of candidates of a host, each pair in both directions, so
        that it does not depend on their order; `spearman`, `kendall`: rank correlation (rho, tau-b)
        of the candidates of a host, the mean over hosts, without hosts whose energies are all
        equal; `mean_absolute`: mean absolute deviation of these differences, eV per atom;
        `same_order`: share of pairs that both order in the same way, of those that `base` has more
        than 1 meV/atom apart; `same_lowest`: rate of hosts whose lowest candidate is the same, or
        within 1 meV/atom of it by `base`. None where a value is undefined.
    """
    found = [pair for host in hosts if len((pair := _take_pair(host, base, other))[0]) > 1]
    ours, theirs = _join(found)
    apart = np.abs(ours) > SAME_ENERGY
    return {
        "potential": other,
        "against": base,
        "hosts": len(found),
        "pairs": len(ours),
        "pearson": _correlate(pearsonr, np.r_[ours, -ours], np.r_[theirs, -theirs]),
        "spearman": _average([_correlate(spearmanr, *pair) for pair in found]),
        "kendall": _average([_correlate(kendalltau, *pair) for pair in found]),
        "mean_absolute": float(np.abs(ours - theirs).mean()) if len(ours) else None,
        "same_order": _average(((ours * theirs)[apart] > 0).tolist()),
        "same_lowest": estimate_rate_as_json([_choose_same(*pair) for pair in found]),
    }


def _take_pair(host: HostEnergies, base: str, other: str) -> Pair:
    ours, theirs = (host.energies.get(name, {}) for name in (base, other))
    ranks = sorted(ours.keys() & theirs.keys())
    return np.array([ours[one] for one in ranks]), np.array([theirs[one] for one in ranks])


def _subtract(energies: FloatArray) -> FloatArray:
    """Return the (C (C - 1) / 2,) differences of all pairs, the later minus the earlier one."""
    first, second = np.triu_indices(len(energies), 1)
    return np.asarray(energies[second] - energies[first])


def _join(found: Sequence[Pair]) -> Pair:
    """Return the differences of all pairs of candidates, of all hosts, by both potentials."""
    nothing = np.zeros(0)
    ours, theirs = (
        np.concatenate([nothing, *(_subtract(pair[side]) for pair in found)]) for side in (0, 1)
    )
    return ours, theirs


def _correlate(kind: Any, ours: FloatArray, theirs: FloatArray) -> float | None:
    if len(ours) < 2 or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None
    return float(kind(ours, theirs).statistic)


def _average(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _choose_same(ours: FloatArray, theirs: FloatArray) -> bool:
    return bool(ours[theirs.argmin()] - ours.min() <= SAME_ENERGY)


def _list_pairs(hosts: Sequence[HostEnergies], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a record for each pair of candidates: their energy difference by all that know it."""
    records = []
    for host in hosts:
        ranks = sorted({rank for some in host.energies.values() for rank in some})
        for first, second in combinations(ranks, 2):
            found = {
                name: some[second] - some[first]
                for name in names
                if first in (some := host.energies.get(name, {})) and second in some
            }
            if len(found) > 1:
                records.append({"host": host.host, "first": first, "second": second, **found})
    return records


def _list_left_out(hosts: Sequence[HostEnergies], order: Sequence[str]) -> list[str]:
    """Return a line for each potential that lacks hosts, and for hosts with one candidate."""
    base, *others = order
    alone = sum(len(host.energies.get(base, {})) < 2 for host in hosts)
    lines = [f"{alone} of {len(hosts)} hosts, with fewer than two candidates by {base}"]
    for name in others:
        some = [host for host in hosts if len(host.energies.get(base, {})) > 1]
        missing = sum(len(_take_pair(host, base, name)[0]) < 2 for host in some)
        if missing:
            lines.append(f"{name}: {missing} hosts, which it has no two candidates of")
    return lines if alone else lines[1:]


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in record.items() if key != "same_lowest"}
    return flat | flatten_rate("same_lowest", record["same_lowest"])


def _format(record: Mapping[str, Any]) -> list[str]:
    return [
        record["potential"],
        str(record["hosts"]),
        str(record["pairs"]),
        *(format_number(record[key], ".3f") for key in ("pearson", "spearman", "kendall")),
        format_number(record["mean_absolute"], ".1f", 1000),
        format_number(record["same_order"], ".0f", 100) + " %",
        format_rate(record["same_lowest"]),
    ]


def _draw(
    figure: FigureBase,
    hosts: Sequence[HostEnergies],
    order: Sequence[str],
    records: Sequence[Mapping[str, Any]],
) -> None:
    """Draw the energy differences of each potential against those of the one compared with."""
    base, *others = order
    rows = -(-len(others) // _COLUMNS)
    panels = figure.subplots(rows, min(len(others), _COLUMNS), squeeze=False)
    for axes in panels.flat[len(others) :]:
        axes.set_visible(False)
    for axes, name, record in zip(panels.flat, others, records, strict=False):
        _draw_pairs(axes, [_take_pair(host, base, name) for host in hosts])
        said = format_number(record["pearson"], ".2f")
        axes.set(title=f"{shorten_name(name)}, r = {said}", xlabel=f"{shorten_name(base)}")
    panels[0, 0].set_ylabel("difference (meV/atom)")


def _draw_pairs(axes: Axes, found: Sequence[Pair]) -> None:
    ours, theirs = (1000 * differences for differences in _join(found))
    end = 1.1 * max(np.abs(ours).max(initial=1.0), np.abs(theirs).max(initial=1.0))
    axes.plot([-end, end], [-end, end], color=FAINT, lw=0.7)
    axes.axhline(0, color=FAINT, lw=0.7, ls=":")
    axes.axvline(0, color=FAINT, lw=0.7, ls=":")
    # Each pair in both directions, as the correlation takes them.
    style: dict[str, Any] = {"s": 8, "color": PALETTE[0], "alpha": 0.4, "lw": 0}
    axes.scatter(np.r_[ours, -ours], np.r_[theirs, -theirs], **style)
    axes.set(xlim=(-end, end), ylim=(-end, end))
