"""Good arrangements quickly: a tabu search that swaps one occupied for one empty site.

Source
------
F. Glover, ORSA J. Comput. 1, 190 (1989), for tabu search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.electrostatics.arrangements import SolutionPool
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.types import FloatArray, IntArray

CHAINS = 32
STEPS = 200
_TENURE = (3, 8)
"""Range of the number of steps during which a swapped site is tabu."""

_LARGEST_BLOCK = 2_000_000
"""Largest number of swaps that are evaluated at once."""


@dataclass
class TabuChains:
    """State of k independent chains of swaps.

    Attributes
    ----------
    sets : (k, n) integers
        Occupied sites.
    energies : (k,)
        Energy of each set, in eV.
    fields : (k, M)
        Energy of one more proton at each site, in eV; kept up to date, so that a swap costs
        O(1) to evaluate.
    free_from : (k, M) integers
        Step from which a site may be swapped again.
    """

    sets: IntArray
    energies: FloatArray
    fields: FloatArray
    free_from: IntArray


def run_tabu_search(
    problem: QuadraticProblem,
    pool: SolutionPool,
    chains: int = CHAINS,
    steps: int = STEPS,
    seed: int = 0,
) -> None:
    """Search for low arrangements and add those that are found to a pool.

    In each step a chain takes the swap that lowers its energy most, or raises it least, among
    those whose sites are not tabu, so that it leaves local minima.

    Parameters
    ----------
    problem
        Problem with fewer sites to choose than there are.
    chains, steps
        Number of chains, and of swaps in each.
    seed
        Seed of the random numbers.
    """
    generator = np.random.default_rng(seed)
    sets = _make_initial_sets(problem, chains, generator)
    pool.add(problem.energies(sets), sets)
    fields = problem.linear + problem.pairs[sets].sum(1)
    free_from = np.zeros(fields.shape, dtype=np.int64)
    state = TabuChains(sets, problem.energies(sets), fields, free_from)
    for step in range(steps):
        _swap_sites(problem, pool, state, step, generator)


def _make_initial_sets(
    problem: QuadraticProblem, chains: int, generator: np.random.Generator
) -> IntArray:
    """Return (chains, n) sets: half of them greedy after a random first site, half random."""
    size, count = len(problem), problem.count
    sets = generator.random((chains, size)).argpartition(count - 1, axis=1)[:, :count]
    greedy = sets[: (chains + 1) // 2]
    greedy[0, 0] = problem.linear.argmin()
    fields = np.tile(problem.linear, (len(greedy), 1))
    rows = np.arange(len(greedy))
    for place in range(count):
        if place:
            greedy[:, place] = fields.argmin(1)
        fields += problem.pairs[greedy[:, place]]
        fields[rows, greedy[:, place]] = np.inf
    return sets


def _swap_sites(
    problem: QuadraticProblem,
    pool: SolutionPool,
    state: TabuChains,
    step: int,
    generator: np.random.Generator,
) -> None:
    """Swap one site in each chain, and offer low neighbours to the pool."""
    size, count = len(problem), problem.count
    block = max(1, _LARGEST_BLOCK // (size * count))
    free_from = step + generator.integers(*_TENURE, size=(len(state.sets), 2))
    for first in range(0, len(state.sets), block):
        rows = np.arange(first, min(first + block, len(state.sets)))
        changes = _compute_changes(problem, state, rows)
        _offer_neighbours(pool, state, rows, changes)
        tabu = state.free_from[rows] > step
        fixed = np.take_along_axis(tabu, state.sets[rows], 1)[:, :, None] | tabu[:, None]
        allowed = np.where(fixed, np.inf, changes).reshape(len(rows), -1)
        blocked = ~np.isfinite(allowed.min(1))
        allowed[blocked] = changes.reshape(len(rows), -1)[blocked]
        places, added = np.divmod(allowed.argmin(1), size)
        _apply_swaps(problem, state, rows, places, added, free_from[rows])


def _compute_changes(problem: QuadraticProblem, state: TabuChains, rows: IntArray) -> FloatArray:
    """Return (k, n, M) the change in energy of each swap; inf if the new site is occupied."""
    sets, fields = state.sets[rows], state.fields[rows]
    leaving = np.take_along_axis(fields, sets, 1)
    changes = fields[:, None] - leaving[:, :, None] - problem.pairs[sets]
    np.put_along_axis(changes, np.repeat(sets[:, None], sets.shape[1], 1), np.inf, 2)
    return np.asarray(changes)


def _offer_neighbours(
    pool: SolutionPool, state: TabuChains, rows: IntArray, changes: FloatArray
) -> None:
    """Add the lowest neighbours below the limit of the pool."""
    energies = state.energies[rows][:, None, None] + changes
    below = np.flatnonzero(energies.ravel() < pool.limit)
    if not len(below):
        return
    lowest = below[np.argsort(energies.ravel()[below], kind="stable")[: 10 * pool.keep]]
    chain, place, added = np.unravel_index(lowest, changes.shape)
    sets = state.sets[rows][chain].copy()
    sets[np.arange(len(sets)), place] = added
    pool.add(energies.ravel()[lowest], sets)


def _apply_swaps(
    problem: QuadraticProblem,
    state: TabuChains,
    rows: IntArray,
    places: IntArray,
    added: IntArray,
    free_from: IntArray,
) -> None:
    """Replace the site at a place of each set, and make both sites tabu (k, 2)."""
    removed = state.sets[rows, places]
    state.energies[rows] += (
        state.fields[rows, added] - state.fields[rows, removed] - problem.pairs[removed, added]
    )
    state.fields[rows] += problem.pairs[added] - problem.pairs[removed]
    state.sets[rows, places] = added
    state.free_from[rows, added] = free_from[:, 0]
    state.free_from[rows, removed] = free_from[:, 1]
