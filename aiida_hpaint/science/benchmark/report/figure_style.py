"""Style of the figures of a benchmark: colours, sizes, and labels that do not overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.axes import Axes

from aiida_hpaint.science.diffusion.sampling.generators import get_generator

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Distinct for readers with any colour vision (Okabe and Ito, 2008), without its yellow."""

BASELINE = "#7A7A7A"
"""Colour of random placement, the baseline."""

INK, FAINT, GRID = "#1F2933", "#5F6B76", "#E3E7EA"

LONGEST_NAME = 18

_RC: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlepad": 8.0,
    "axes.labelsize": 8.5,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "aiida-hpaint",
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
}


def apply_style() -> AbstractContextManager[None]:
    """Return a context in which figures are drawn and saved in the style of the report."""
    return matplotlib.rc_context(_RC)


def pick_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each generator; a seventh model gets the first colour again."""
    models = [name for name in names if get_generator(name).has_weights]
    chosen = {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(models)}
    return {name: chosen.get(name, BASELINE) for name in names}


def shorten_name(name: str) -> str:
    """Return the last part of a path-like name, shortened, with $ escaped (no formulas)."""
    name = name.rstrip("/").split("/")[-1] or name
    short = name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]
    return short.replace("$", r"\$")


def label_ends(
    axes: Axes, ends: Mapping[str, float], texts: Mapping[str, str], palette: Mapping[str, str]
) -> None:
    """Write the text of each generator beside the axes, at the height where its line ends.

    Parameters
    ----------
    ends
        Heights in units of the y axis, whose limits must be final.
    texts
        Texts by name; those that would overlap are moved apart.
    palette
        Colours by name.
    """
    for name, height in spread_apart(axes, ends, 0.08).items():
        axes.annotate(
            texts[name],
            (1.0, height),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            color=palette[name],
            va="center",
            fontweight="bold",
            annotation_clip=False,
        )


def spread_apart(axes: Axes, heights: Mapping[str, float], gap: float) -> dict[str, float]:
    """Return heights near the given ones but apart, none above the axes.

    Parameters
    ----------
    heights
        Heights in units of the y axis, whose limits must be final.
    gap
        Smallest distance, as a share of the axis.
    """
    low, high = axes.get_ylim()
    names = sorted(heights, key=lambda name: -heights[name])
    found: dict[str, float] = {}
    ceiling = high
    for name in names:
        found[name] = min(heights[name], ceiling)
        ceiling = found[name] - gap * (high - low)
    return found
