"""All choices below a limit, for problems that are small enough to list them."""

from __future__ import annotations

from math import comb

import numpy as np

from aiida_hpaint.science.electrostatics.selection import Selection
from aiida_hpaint.science.types import FloatArray, IntArray

LARGEST = 300_000
"""Choices that are listed rather than searched, at most."""


def is_small(selection: Selection) -> bool:
    """Whether it is cheaper to list the choices than to bound them."""
    return comb(len(selection), selection.count) <= LARGEST


def enumerate_below(selection: Selection, limit: float) -> tuple[FloatArray, IntArray]:
    """(k,) energies below a limit, as they come, and (k, count) the sites of each, ascending.

    Sets grow by one site at a time, in the order of the sites, and are dropped where even the
    cheapest company puts them above the limit.
    """
    size, count = len(selection), selection.count
    sets = np.empty((1, 0), dtype=np.int64)
    energies, fields = np.array([selection.constant]), selection.linear[None]
    for missing in range(count, 0, -1):
        last = sets[:, -1:] if sets.shape[1] else np.full((1, 1), -1)
        later = np.arange(size) > last
        bounds = energies[:, None] + _cheapest(selection, fields, later, missing)
        parents, added = np.nonzero(bounds < limit)
        energies = energies[parents] + fields[parents, added]
        sets = np.column_stack([sets[parents], added])
        if missing > 1:
            fields = fields[parents] + selection.pairs[added]
    below = energies < limit
    return energies[below], sets[below]


def _cheapest(
    selection: Selection, fields: FloatArray, later: np.ndarray, missing: int
) -> FloatArray:
    """(k, m) what `missing` more sites cost at least, if the next in order is this one.

    A pair is shared by halves between its sites.
    """
    if missing == 1:
        return np.where(later, fields, np.inf)
    others = selection.pairs + np.diag(np.full(len(selection), np.inf))
    company = np.sort(others, axis=1)[:, : missing - 1].sum(1) / 2
    costs = np.where(later, fields + company, np.inf)
    cheapest = np.sort(np.partition(costs, missing - 1, axis=1)[:, :missing], axis=1)
    rest, last = cheapest[:, : missing - 1].sum(1), cheapest[:, missing - 1]
    return np.asarray(rest[:, None] + np.maximum(costs, last[:, None]))
