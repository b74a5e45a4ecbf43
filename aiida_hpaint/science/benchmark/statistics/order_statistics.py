"""Expected success with k of K samples, over all choices of k samples.

Samples are chosen without replacement: the lowest of k is the i-th lowest of all K with the
probability C(K - 1 - i, k - 1) / C(K, k), i from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow
from aiida_hpaint.science.types import FloatArray


def compute_lowest_probabilities(total: int) -> FloatArray:
    """Return the (K, K) probabilities that the lowest of k + 1 samples is the i-th lowest of K."""
    return np.array(
        [
            [comb(total - 1 - i, k - 1) / comb(total, k) for i in range(total)]
            for k in range(1, total + 1)
        ]
    )


def compute_any_probabilities(total: int, good: int) -> FloatArray:
    """Return the (K,) probabilities that at least one of k = 1..K samples is a good one."""
    missed = [comb(total - good, k) / comb(total, k) for k in range(1, total + 1)]
    return 1.0 - np.array(missed)


def sort_outcomes(row: HostRow) -> list[SampleRow]:
    """Return the outcome of each sample of a host, the lowest first; duplicates are repeated.

    After the ranked ones come those whose relaxation was stopped or that were not selected, by
    their last energies, and then those without any. Without a ranked one, order is kept.
    """
    found = [row.outcome(sample) for sample in row.samples]
    if row.lowest is None:
        return found
    return sorted(found, key=_sort_key)


def has_selection(row: HostRow) -> bool:
    """Return whether candidates were selected among samples, or proposals added to them."""
    chosen = any(sample.candidate is not None for sample in row.samples)
    return chosen or len(row.drawn) < len(row.samples)


def find_candidates(row: HostRow) -> list[SampleRow]:
    """Return the distinct samples that were relaxed, the one with the lowest score first.

    Without scores they are in the order in which they were sampled or proposed.
    """
    relaxed = [
        sample
        for sample in row.samples
        if sample.candidate is not False and sample.same_as == sample.sample
        if sample.energy is not None
    ]
    return sorted(relaxed, key=lambda s: 0.0 if s.energy_scored is None else s.energy_scored)


def check_lowest_by_k(row: HostRow, test: Callable[[HostRow, SampleRow], bool]) -> list[bool]:
    """Return for k = 1, 2, ... whether the lowest of the first k candidates passes a test."""
    found = find_candidates(row)
    return [test(row, min(found[:k], key=_sort_key)) for k in range(1, len(found) + 1)]


def check_any_by_k(row: HostRow, test: Callable[[HostRow, SampleRow], bool]) -> list[bool]:
    """Return for k = 1, 2, ... whether any of the first k candidates passes a test."""
    passed = [test(row, sample) for sample in find_candidates(row)]
    return [any(passed[:k]) for k in range(1, len(passed) + 1)]


def _sort_key(sample: SampleRow) -> tuple[int, float]:
    if sample.rank >= 0:
        return 0, sample.rank
    return (2, 0.0) if sample.energy is None else (1, sample.energy)
