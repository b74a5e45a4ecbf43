"""Restorations in notebooks: a table with pictures, and the ladder of energies as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiida_hpaint.science.report.host_results import HostResult
from aiida_hpaint.science.report.ladder import make_ladder
from aiida_hpaint.science.report.verdict import judge_host
from aiida_hpaint.science.structures.display import as_picture, format_formula, format_table
from aiida_hpaint.science.structures.pictures import draw_picture
from aiida_hpaint.science.structures.scenes import make_scene
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_energies", "summarise_hosts", "tabulate_hosts"]

_MOST_ROWS = 20
_MOST_PICTURES = 6

_COLOURS = {"green": "#1a7f4b", "amber": "#b26a00", "red": "#c0292b", "grey": "#6b7680"}


def tabulate_hosts(results: Sequence[HostResult]) -> str:
    """Return a table in HTML with a row for each host: its best candidate, and the verdict."""
    rows = []
    for place, result in enumerate(results[:_MOST_ROWS]):
        best, verdict = result.best, judge_host(result)
        one = result.samples[0] if best is None else best
        is_drawn = best is not None and place < _MOST_PICTURES
        picture = draw_picture(make_scene(one), 160) if is_drawn else ""
        reasons = "; ".join((*verdict.reasons, *verdict.problems, *verdict.notices))
        energy = "" if best is None else f"{best.scalars['energy'][0]:.4f} eV"
        known = (result.label, format_formula(one), result.inserted, energy)
        light = _draw_light(_COLOURS[verdict.light])
        rows.append([*known, light, verdict.title, reasons, as_picture(picture)])
    more = len(results) - len(rows)
    caption = "1 host" if len(results) == 1 else f"{len(results)} hosts"
    caption += f", {more} more not shown" if more > 0 else ""
    head = ["host", "formula", "inserted", "energy", "", "verdict", "reasons", ""]
    return format_table(head, rows, caption)


def summarise_hosts(results: Sequence[HostResult]) -> str:
    """Return a line for each host, for consoles: what was inserted, and the verdict."""
    lines = [f"<Restoration of {format_count(len(results), 'host')}>"]
    for result in results[:_MOST_ROWS]:
        verdict = judge_host(result).title
        lines.append(
            f"{result.label}: {result.inserted} inserted, {verdict[:1].lower()}{verdict[1:]}"
        )
    if len(results) > _MOST_ROWS:
        lines.append(f"{len(results) - _MOST_ROWS} more")
    return "\n".join(lines)


def _draw_light(colour: str) -> str:
    circle = f'<circle cx="6" cy="6" r="5" fill="{colour}"/>'
    return as_picture(f'<svg width="12" height="12">{circle}</svg>')


def plot_energies(result: HostResult, axes: Axes | None = None) -> Axes:
    """Plot the energies of the candidates of one host, and how often each was found.

    Parameters
    ----------
    axes
        Axes to plot on; by default those of a new figure.

    Raises
    ------
    ValueError
        If the host has no candidate.
    """
    ladder = make_ladder(result)
    if ladder is None:
        raise ValueError(f"{result.label} has no candidate: {result.statuses}")
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(4.5, 3.5), layout="constrained")[1]
    for level in ladder.levels:
        colour = "tab:red" if level.problem else "tab:blue"
        axes.hlines(level.energy, 0.0, 1.0, colors=colour, linewidth=3)
        found = "" if level.found is None else f", found {level.found}\N{MULTIPLICATION SIGN}"
        fails = ", fails" if level.problem else ""
        axes.text(1.05, level.energy, f"{level.name}{found}{fails}", va="center", parse_math=False)
    axes.set(xlim=(-0.2, 2.2), xticks=[], ylabel="energy above the answer (meV/atom)")
    axes.set_title(result.label, parse_math=False)
    return axes
