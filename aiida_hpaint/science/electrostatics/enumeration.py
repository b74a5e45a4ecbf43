"""All choices below a limit, for problems that are small enough to enumerate."""

from __future__ import annotations

from math import comb

import numpy as np

from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

MAX_ENUMERATED = 300_000
"""Largest number of choices that are enumerated instead of searched."""


def is_enumerable(problem: QuadraticProblem) -> bool:
    """Return whether it is cheaper to enumerate the choices than to bound them."""
    return comb(len(problem), problem.count) <= MAX_ENUMERATED


def enumerate_below(problem: QuadraticProblem, limit: float) -> tuple[FloatArray, IntArray]:
    """Return (k,) energies below a limit, in no order, and (k, count) ascending sites of each.

    Sets grow by one site at a time, in the order of the sites, and are dropped if even the
    cheapest completion is above the limit.
    """
    size, count = len(problem), problem.count
    sets = np.empty((1, 0), dtype=np.int64)
    energies, fields = np.array([problem.constant]), problem.linear[None]
    for remaining in range(count, 0, -1):
        last = sets[:, -1:] if sets.shape[1] else np.full((1, 1), -1)
        later = np.arange(size) > last
        bounds = energies[:, None] + _bound_completions(problem, fields, later, remaining)
        parents, added = np.nonzero(bounds < limit)
        energies = energies[parents] + fields[parents, added]
        sets = np.column_stack([sets[parents], added])
        if remaining > 1:
            fields = fields[parents] + problem.pairs[added]
    below = energies < limit
    return energies[below], sets[below]


def _bound_completions(
    problem: QuadraticProblem, fields: FloatArray, later: BoolArray, remaining: int
) -> FloatArray:
    """Bound (k, m) the energy of `remaining` more sites if the next in order is each site.

    Half of each interaction is assigned to either site, so that a site costs at least its field
    and half of its cheapest interactions.
    """
    if remaining == 1:
        return np.where(later, fields, np.inf)
    others = problem.pairs + np.diag(np.full(len(problem), np.inf))
    neighbours = np.sort(others, axis=1)[:, : remaining - 1].sum(1) / 2
    costs = np.where(later, fields + neighbours, np.inf)
    cheapest = np.sort(np.partition(costs, remaining - 1, axis=1)[:, :remaining], axis=1)
    rest, last = cheapest[:, : remaining - 1].sum(1), cheapest[:, remaining - 1]
    return np.asarray(rest[:, None] + np.maximum(costs, last[:, None]))
