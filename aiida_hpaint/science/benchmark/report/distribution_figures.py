"""Figures of distributions: energies against the reference, distances, energy released."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aiida_hpaint.science.benchmark.report.figure_style import FAINT, pick_colours, shorten_name
from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.benchmark.statistics import HostRow, SampleRow
from aiida_hpaint.science.types import FloatArray

_LINEAR_BELOW = 0.001
"""Energy in eV per atom below which the axis of differences is linear, not logarithmic."""

NAME_HEIGHT = 0.11
"""Height of a name above cumulative lines, whose axis goes from 0 to 1."""

Pick = Callable[[HostRow, SampleRow], "float | None"]


def draw_energies(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw cumulative energies: of lowest samples above the reference, and released."""
    panels = figure.subplots(1, 3, sharey=True)
    kinds = ((True, "Lowest matches"), (False, "Lowest does not match"))
    for axes, (matched, title) in zip(panels, kinds, strict=False):
        axes.set_xscale("symlog", linthresh=_LINEAR_BELOW, linscale=0.7)
        axes.set_xlim(-1, 1)
        axes.axvline(0, 0, 1 / (1.06 + NAME_HEIGHT * len(runs)), color=FAINT, lw=0.8)
        draw_cumulative(axes, {run.name: _of_lowest(run.rows, matched) for run in runs})
        axes.set_xticks([-0.1, -0.001, 0, 0.001, 0.1], ["-0.1", "-0.001", "0", "0.001", "0.1"])
        axes.set(title=title, xlabel="above the reference (eV/atom)")
    released = {run.name: _collect(run.rows, _released) for run in runs}
    panels[2].set_xscale("log")
    panels[2].set_xlim(1e-4, 2)
    draw_cumulative(panels[2], {name: np.maximum(e, 1e-5) for name, e in released.items()})
    panels[2].set(title="Released by relaxation", xlabel="eV/atom")
    panels[0].set_ylabel("cumulative share")


def draw_distances(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw histograms of distances to the reference, a row for each generator."""
    panels = figure.subplots(len(runs), 2, sharex="col", squeeze=False)
    palette = pick_colours([run.name for run in runs])
    columns = (
        ("All sites, samples that match", "RMSD in units of (V / n)$^{1/3}$", _WHOLE, (1e-5, 1)),
        ("Inserted sites, all samples", "RMS distance (Å)", _INSERTED, (1e-3, 10)),
    )
    for column, (title, label, picks, ends) in enumerate(columns):
        for axes, run in zip(panels[:, column], runs, strict=True):
            pair = [_collect(run.rows, pick) for pick in picks]
            _draw_histograms(axes, pair, np.geomspace(*ends, 41), palette[run.name])
        panels[0, column].set_title(title)
        panels[-1, column].set_xlabel(label)
    for axes, run in zip(panels[:, 0], runs, strict=True):
        at = {"transform": axes.transAxes, "va": "top", "fontweight": "bold"}
        axes.text(0.015, 0.94, shorten_name(run.name), color=palette[run.name], **at)
        axes.set_ylabel("samples")


def _draw_histograms(
    axes: Axes, pair: Sequence[FloatArray], edges: FloatArray, colour: str
) -> None:
    """Draw shares of samples as sampled (pale) and relaxed (outlined), with medians."""
    highest = 0.0
    texts = []
    for values, kind in zip(pair, ("as sampled", "relaxed"), strict=True):
        if not len(values):
            continue
        inside = np.clip(values, edges[0], edges[-1] * (1 - 1e-9))
        shares = np.histogram(inside, edges)[0] / len(values)
        pale = kind == "as sampled"
        axes.stairs(shares, edges, color=colour, fill=pale, alpha=0.3 if pale else 1.0, lw=1.5)
        highest = max(highest, float(shares.max()))
        texts.append(f"{kind}: median {np.median(values):.2g}, n = {len(values)}")
    axes.text(
        0.99, 0.95, "\n".join(texts), transform=axes.transAxes, ha="right", va="top", fontsize=7.5
    )
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.55 * highest or 1)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))


def draw_cumulative(axes: Axes, lines: Mapping[str, FloatArray]) -> None:
    """Draw steps from 0 to 1 over ascending values, names and numbers of values above them.

    The limits of the x axis must be final.
    """
    palette = pick_colours(list(lines))
    end = axes.get_xlim()[1]
    top = 1.06 + NAME_HEIGHT * len(lines)
    for place, (name, line) in enumerate(lines.items()):
        if len(line):
            ascending = np.sort(line)
            share = np.r_[0, np.arange(1, len(line) + 1) / len(line), 1]
            at = np.r_[ascending[0], ascending, max(end, ascending[-1])]
            axes.step(at, share, where="post", color=palette[name], lw=1.6)
        style: Any = {"fontweight": "bold", "fontsize": 8, "va": "center"}
        text = f"{shorten_name(name)}, n = {len(line)}"
        where = (0.02, top - NAME_HEIGHT * (place + 0.6))
        axes.text(*where, text, color=palette[name], transform=axes.get_yaxis_transform(), **style)
    axes.set_ylim(0, top)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))


def _of_lowest(rows: Sequence[HostRow], matched: bool) -> FloatArray:
    """Return eV per atom above the reference of the lowest samples that match, or do not."""
    lowest = [row.lowest for row in rows]
    found = [
        sample.energy_difference
        for sample in lowest
        if sample is not None
        and sample.energy_difference is not None
        and (sample.match is True) is matched
    ]
    return np.array(found, dtype=np.float64)


def _collect(rows: Sequence[HostRow], pick: Pick) -> FloatArray:
    """Return what is known of the samples of all hosts."""
    found = [pick(row, sample) for row in rows for sample in row.samples]
    return np.array([value for value in found if value is not None], dtype=np.float64)


def _released(row: HostRow, sample: SampleRow) -> float | None:
    """Return the energy that relaxation released, eV per atom."""
    if sample.rank < 0 or sample.energy is None or sample.energy_sampled is None:
        return None
    return (sample.energy_sampled - sample.energy) / row.sites


def _relaxed(read: Callable[[SampleRow], float | None]) -> Pick:
    """Return a pick from the outcome of a sample, if that was relaxed to the end."""

    def pick(row: HostRow, sample: SampleRow) -> float | None:
        end = row.outcome(sample)
        return read(end) if end.rank >= 0 else None

    return pick


_WHOLE: tuple[Pick, Pick] = (
    lambda row, sample: sample.rmsd_unrelaxed,
    _relaxed(lambda sample: sample.rmsd),
)
_INSERTED: tuple[Pick, Pick] = (
    lambda row, sample: sample.rmsd_inserted_unrelaxed,
    _relaxed(lambda sample: sample.rmsd_inserted),
)
