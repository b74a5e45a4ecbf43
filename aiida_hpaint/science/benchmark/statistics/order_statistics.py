"""Figures against the number of samples, expected over which k of the K samples were drawn.

No sample is drawn again: the lowest of k samples chosen at random is the i-th lowest of all K with
the probability C(K - 1 - i, k - 1) / C(K, k), i from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow
from aiida_hpaint.science.types import FloatArray


def compute_lowest_probabilities(total: int) -> FloatArray:
    """(K, K) probability that the lowest of k + 1 samples is the i-th lowest of K."""
    ways = [[comb(total - 1 - i, k - 1) for i in range(total)] for k in range(1, total + 1)]
    return np.array([[way / comb(total, k) for way in row] for k, row in enumerate(ways, 1)])


def compute_any_probabilities(total: int, good: int) -> FloatArray:
    """(K,) probability that at least one of k = 1..K samples is among the good ones."""
    missed = [comb(total - good, k) / comb(total, k) for k in range(1, total + 1)]
    return 1.0 - np.array(missed)


def sort_outcomes(row: HostRow) -> list[SampleRow]:
    """What became of each sample of a host, the lowest first; duplicates count each time.

    After the ranked ones come those that were given up or held back, at the energy that they had
    then, and at last those without any. If none was ranked, none has a place.
    """
    found = [row.outcome(sample) for sample in row.samples]
    if row.lowest is None:
        return found
    return sorted(found, key=_place)


def is_correct(row: HostRow, sample: SampleRow) -> bool:
    """Whether a sample is an answer, and right."""
    return row.lowest is not None and sample.match is True


def is_success(row: HostRow, sample: SampleRow) -> bool:
    """Whether a sample is an answer that matches or is lower in energy (LES)."""
    difference = sample.energy_difference
    lower = row.lowest is not None and difference is not None and difference < 0
    return lower or is_correct(row, sample)


def has_selection(row: HostRow) -> bool:
    """Whether candidates were chosen among samples, or proposals added to them."""
    chosen = any(sample.candidate is not None for sample in row.samples)
    return chosen or len(row.drawn) < len(row.samples)


def find_candidates(row: HostRow) -> list[SampleRow]:
    """Distinct samples of a funnel that were relaxed, the one of the lowest score first.

    Where nothing was scored, in the order in which they were drawn or proposed.
    """
    relaxed = [
        sample
        for sample in row.samples
        if sample.candidate is not False and sample.same_as == sample.sample
        if sample.energy is not None
    ]
    return sorted(relaxed, key=lambda s: 0.0 if s.energy_scored is None else s.energy_scored)


def check_lowest_by_k(row: HostRow, test: Callable[[HostRow, SampleRow], bool]) -> list[bool]:
    """For k = 1, 2, ... whether the lowest of the first k candidates passes a test."""
    found = find_candidates(row)
    return [test(row, min(found[:k], key=_place)) for k in range(1, len(found) + 1)]


def check_any_by_k(row: HostRow, test: Callable[[HostRow, SampleRow], bool]) -> list[bool]:
    """For k = 1, 2, ... whether any of the first k candidates passes a test."""
    passed = [test(row, sample) for sample in find_candidates(row)]
    return [any(passed[:k]) for k in range(1, len(passed) + 1)]


def _place(sample: SampleRow) -> tuple[int, float]:
    if sample.rank >= 0:
        return 0, sample.rank
    return (2, 0.0) if sample.energy is None else (1, sample.energy)
