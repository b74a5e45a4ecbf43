"""Which candidates a powder pattern can tell apart, and how well it has to be counted for that."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.types import FloatArray

__all__ = ["estimate_needed_counts"]

_SIGNIFICANCE = 5.0
"""Standard deviations of the difference between two patterns that tell them apart."""

_BACKGROUND = 0.1
"""Constant background, as a share of the strongest point."""


def estimate_needed_counts(profiles: FloatArray) -> FloatArray:
    """Return (C, C) counts at the strongest point that tell candidates apart, inf if none do.

    If candidate a is right and counts are Poisson distributed, the pattern of b, on the best scale
    s and with the constant background B known, is off by χ² = N Σ (a - s b)² / (a + B) for N counts
    at the strongest point of a; b is told from a where χ reaches five standard deviations.

    Parameters
    ----------
    profiles : (C, G)
        Patterns of the candidates on one grid.
    """
    count = len(profiles)
    needed = np.full((count, count), np.inf)
    for a in range(count):
        true = profiles[a] / profiles[a].max()
        weights = 1 / (true + _BACKGROUND)
        for b in range(count):
            scale = (weights * true * profiles[b]).sum() / (weights * profiles[b] ** 2).sum()
            squares = float((weights * (true - scale * profiles[b]) ** 2).sum())
            # Rounding errors of equal patterns would ask for 10^20 counts, not for infinitely many.
            if squares > 1e-12:
                needed[a, b] = _SIGNIFICANCE**2 / squares
    return needed
