"""Every host of a benchmark: a row of a table, and pictures of its reference and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.benchmark.report.tables import UNKNOWN, Rows
from aiida_hpaint.science.benchmark.statistics import HostRow
from aiida_hpaint.science.benchmark.statistics.criteria import is_correct, is_success
from aiida_hpaint.science.confidence import format_confidence
from aiida_hpaint.science.structures.pictures import draw_picture
from aiida_hpaint.science.structures.scenes import make_scene

__all__ = ["Pictured", "picture_hosts", "tabulate_hosts"]

MATCHES, LOWER, MISSED, NOTHING = "matches", "another, lower", "missed", "no candidate"

_WIDTH = 260


@dataclass(frozen=True)
class Pictured:
    """Pictures of one host.

    Attributes
    ----------
    label, result
        Name of the host, and what became of it.
    pictures
        SVG of the reference, and of the answer if there is one.
    """

    label: str
    result: str
    pictures: tuple[str, ...]


def tabulate_hosts(run: Run) -> Rows:
    """Return a row for each host with the columns of `HOST_HEAD`, the misses first."""
    return [_describe(row) for row in _sort(run.rows)]


def picture_hosts(run: Run, misses: int = 24, hits: int = 6) -> tuple[list[Pictured], int]:
    """Return pictures of the hosts that were missed, then of some that match, and how many more.

    Parameters
    ----------
    misses, hits
        Largest numbers of hosts of each kind: each has two pictures of some ten kilobytes.
    """
    known = [row for row in _sort(run.rows) if row.structures is not None]
    missed = [row for row in known if judge(row) != MATCHES]
    matched = [row for row in known if judge(row) == MATCHES]
    shown = [*missed[:misses], *matched[:hits]]
    return [_picture(row) for row in shown], len(known) - len(shown)


def judge(row: HostRow) -> str:
    """Return what became of a host: whether its lowest sample is the reference."""
    if row.lowest is None:
        return NOTHING
    if is_correct(row, row.lowest):
        return MATCHES
    return LOWER if is_success(row, row.lowest) else MISSED


def _sort(rows: Sequence[HostRow]) -> list[HostRow]:
    order = (NOTHING, MISSED, LOWER, MATCHES)
    return sorted(rows, key=lambda row: (order.index(judge(row)), row.index))


def _picture(row: HostRow) -> Pictured:
    assert row.structures is not None
    structures = row.structures.list_structures(row.label)
    pictures = tuple(draw_picture(make_scene(one), _WIDTH) for one in structures)
    return Pictured(row.label, judge(row), pictures)


def _describe(row: HostRow) -> list[str]:
    lowest = row.lowest
    known = [row.label, row.formula, f"{row.inserted} / {row.sites}", judge(row)]
    if lowest is None:
        return [*known, *[UNKNOWN] * 6]
    answer = row.answer
    energies = [
        UNKNOWN
        if one is None or one.energy_difference is None
        else f"{1000 * one.energy_difference:.1f}"
        for one in (lowest, answer)
    ]
    if row.is_held:
        energies[1] += ", host held as measured in both"
    sure = UNKNOWN if answer is None or answer.confidence is None else answer.confidence
    return [
        *known,
        *energies,
        UNKNOWN if lowest.found is None else str(lowest.found),
        sure if isinstance(sure, str) else format_confidence(sure),
        UNKNOWN if lowest.worst_inserted is None else f"{lowest.worst_inserted:.2f}",
        {True: "ok", False: "fails", None: UNKNOWN}[lowest.passes],
    ]
