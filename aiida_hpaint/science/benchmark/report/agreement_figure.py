"""Figure of the energies of the same candidates by several potentials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from aiida_hpaint.science.benchmark.report.figure_style import (
    BASELINE,
    FAINT,
    PALETTE,
    shorten_name,
)
from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.benchmark.statistics.agreement import Energies, collect_energies

_LINEAR_BELOW = 1.0
"""Energy in meV per atom below which axes are linear instead of logarithmic."""

_COLUMNS = 4


def draw_potentials(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw energies above the reference by other potentials against the one that relaxed."""
    records = [record for run in runs for record in run.summary.get("potentials", ())]
    # The first potential is the one that relaxed.
    base, *others = dict.fromkeys(record["name"] for record in records)
    rows = -(-len(others) // _COLUMNS)
    panels = figure.subplots(rows, min(len(others), _COLUMNS), squeeze=False, sharex=True)
    for axes in panels.flat[len(others) :]:
        axes.set_visible(False)
    for axes, name in zip(panels.flat, others, strict=False):
        pairs = [collect_energies(row, name) for run in runs for row in run.rows]
        _draw_pairs(axes, pairs)
        axes.set(title=shorten_name(name), xlabel=f"{shorten_name(base)} (meV/atom)")
    panels[0, 0].set_ylabel("above the reference (meV/atom)")


def _draw_pairs(axes: Axes, pairs: Sequence[Energies]) -> None:
    ours = np.concatenate([pair.ours for pair in pairs]) * 1000
    theirs = np.concatenate([pair.theirs for pair in pairs]) * 1000
    matched = np.concatenate([pair.matched for pair in pairs])
    ends = 1.3 * max(np.abs([*ours, *theirs, 10.0]))
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=_LINEAR_BELOW, linscale=0.6)
    axes.plot([-ends, ends], [-ends, ends], color=FAINT, lw=0.7)
    axes.axhline(0, color=FAINT, lw=0.7, ls=":")
    axes.axvline(0, color=FAINT, lw=0.7, ls=":")
    for kind, colour, text in ((False, PALETTE[1], "other"), (True, PALETTE[0], "matches")):
        at = matched == kind
        axes.scatter(ours[at], theirs[at], s=9, color=colour, alpha=0.55, lw=0, label=text)
    low = 1.3 * min(0.0, ours.min(initial=0.0), theirs.min(initial=0.0)) - 1
    axes.set(xlim=(low, ends), ylim=(low, ends))
    ticks = [tick for tick in (-100, -10, -1, 0, 1, 10, 100, 1000) if low < tick < ends]
    axes.set_xticks(ticks, [str(tick) for tick in ticks], rotation=45)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(loc="upper left", frameon=False, fontsize=7, handletextpad=0.1, labelcolor=BASELINE)
