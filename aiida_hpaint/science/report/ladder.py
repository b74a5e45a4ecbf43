"""The ladder of energies: which structures of one host were found, how often, and how far apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.confidence.evidence import count_found
from aiida_hpaint.science.plausibility.check_answers import get_findings, name_findings
from aiida_hpaint.science.report.host_results import ALL_ALIKE, HostResult
from aiida_hpaint.science.structures.sample_origin import GENERATED, INDEPENDENT
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = ["HEIGHT", "Ladder", "Level", "make_ladder"]

HEIGHT = 260.0
"""Height of the drawing, in pixels."""

_GAP = 20.0
"""Least distance of two labels, pixels."""

_TOP, _BOTTOM = 14.0, 16.0

_FAR = 100.0
"""Levels farther above the lowest than this are drawn at the top, meV per atom."""


@dataclass(frozen=True)
class Level:
    """One level of the ladder.

    Attributes
    ----------
    name
        Number of the candidate from 1; empty for a structure that was not relaxed to the end.
    energy
        Above the best candidate, meV per atom.
    found
        How many independent samples agree with it; None where nobody counted, or they are alike.
    origin
        How it was made.
    problem
        Which checks it fails; empty if none.
    dft
        By DFT, above the lowest candidate by DFT, meV per atom; None where there is none.
    place, label_place, dft_place
        Heights of the level, of its label and of the level by DFT, pixels from the top.
    """

    name: str
    energy: float
    found: int | None
    origin: str
    problem: str
    dft: float | None = None
    place: float = 0.0
    label_place: float = 0.0
    dft_place: float = 0.0


@dataclass(frozen=True)
class Ladder:
    """Levels of one host.

    Attributes
    ----------
    levels
        Candidates by rank.
    others
        Heights of structures that were given up on because they were higher in energy, pixels.
    ticks
        Labelled energies of the axis, and their heights.
    drawn
        How many independent samples there are.
    """

    levels: tuple[Level, ...]
    others: tuple[float, ...]
    ticks: tuple[tuple[str, float], ...]
    drawn: int

    @property
    def has_dft(self) -> bool:
        """Whether a candidate has an energy by DFT."""
        return any(level.dft is not None for level in self.levels)


def make_ladder(result: HostResult, most: int = 10) -> Ladder | None:
    """Return the ladder of one host; None without a candidate.

    Parameters
    ----------
    most
        Largest number of candidates that get a level.
    """
    if result.best is None:
        return None
    samples, scalars = result.samples, result.samples.scalars
    ranked = np.flatnonzero(scalars["rank"] >= 0)
    ranked = ranked[np.argsort(scalars["rank"][ranked], kind="stable")]
    origins = scalars.get("origin", np.full(len(samples), GENERATED))
    drawn = np.flatnonzero(np.isin(origins, INDEPENDENT))
    counts = _count_agreeing(result, ranked, drawn)
    per_atom = 1000 * scalars["energy"] / samples.site_counts
    lowest = per_atom[ranked[0]]
    left = np.flatnonzero(
        (scalars["status"] == SampleStatus.HIGHER_IN_ENERGY.value) & np.isfinite(per_atom)
    )
    shown = ranked[:most]
    dft = [result.dft[rank].above if rank in result.dft else None for rank in range(len(shown))]
    known = [min(above, _FAR) for above in dft if above is not None]
    cut = (per_atom[left] - lowest).clip(max=_FAR)
    highest = max([*(per_atom[shown] - lowest), *cut, *known, 1.0])
    depth = min([*(per_atom[shown] - lowest), 0.0])
    scale = _Scale.between(float(depth), float(highest))
    levels = [
        Level(
            str(number + 1),
            float(per_atom[row] - lowest),
            counts[number],
            str(origins[row]),
            name_findings(get_findings(samples[int(row)])),
            dft[number],
            scale.place(float(per_atom[row] - lowest)),
            dft_place=0.0 if (above := dft[number]) is None else scale.place(above),
        )
        for number, row in enumerate(shown.tolist())
    ]
    others = sorted({scale.place(float(per_atom[row] - lowest)) for row in left.tolist()})
    return Ladder(tuple(_spread(levels)), tuple(others), scale.list_ticks(), len(drawn))


def _count_agreeing(
    result: HostResult, ranked: NDArray[np.intp], drawn: NDArray[np.intp]
) -> list[int | None]:
    """Return how many of the drawn samples agree with each candidate; None where nobody knows.

    It says nothing either where samples are alike because bonds fix all inserted H.
    """
    if result.agreement == ALL_ALIKE:
        return [None] * len(ranked)
    if "found" in result.samples.scalars:  # a search counted where samples ended
        return list(result.samples.scalars["found"][ranked].tolist())
    if result.host is None:
        return [None] * len(ranked)
    return list(count_found(result.samples, result.host, ranked, drawn).tolist())


@dataclass(frozen=True)
class _Scale:
    """Vertical axis of the drawing, between two energies in meV per atom."""

    lowest: float
    highest: float
    step: float

    @classmethod
    def between(cls, lowest: float, highest: float) -> _Scale:
        """Return the scale that ends at the first mark above an energy."""
        step = _choose_step(highest - lowest)
        return cls(lowest, float(np.ceil(highest / step) * step), step)

    def place(self, energy: float) -> float:
        """Return the place of an energy from the top, pixels; higher ones are at the top."""
        share = (min(energy, self.highest) - self.lowest) / (self.highest - self.lowest)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    def list_ticks(self) -> tuple[tuple[str, float], ...]:
        """Return texts and places of the marks."""
        first = np.ceil(self.lowest / self.step) * self.step
        marks = np.arange(first, self.highest + self.step / 2, self.step).tolist()
        return tuple((f"{mark:g}", self.place(mark)) for mark in marks)


def _choose_step(extent: float) -> float:
    """Return a round distance of about five ticks."""
    size = 10 ** np.floor(np.log10(extent / 4))
    return float(next(factor * size for factor in (1, 2, 5, 10) if extent / (factor * size) <= 5))


def _spread(levels: list[Level]) -> list[Level]:
    """Move labels apart that would overlap, from the lowest level upwards."""
    from dataclasses import replace

    limit, found = HEIGHT, []
    for level in sorted(levels, key=lambda one: -one.place):
        limit = min(level.place, limit)
        found.append(replace(level, label_place=limit))
        limit -= _GAP
    over = max(0.0, _TOP - min((one.label_place for one in found), default=_TOP))
    moved = [replace(one, label_place=round(one.label_place + over, 1)) for one in found]
    return sorted(moved, key=lambda one: int(one.name))
