"""Good arrangements fast: several chains of exchanges of a site, each the best that is not taboo.

Source
------
F. Glover, ORSA J. Comput. 1, 190 (1989), for the search with a memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.electrostatics.arrangements import Pool
from aiida_hpaint.science.electrostatics.selection import Selection
from aiida_hpaint.science.types import FloatArray, IntArray

CHAINS = 32
STEPS = 200
_MEMORY = (3, 8)
"""Steps for which a site that was exchanged stays as it is, drawn from this range."""

_LARGEST_BLOCK = 2_000_000
"""Exchanges looked at at once."""


@dataclass
class Chains:
    """Arrangements that are changed by one exchange at a time.

    Attributes
    ----------
    sets : (k, n) integers
        The chosen sites.
    energies : (k,)
        In eV.
    fields : (k, M)
        What one more proton at each site would cost, in eV.
    free_from : (k, M) integers
        The step from which a site may be exchanged again.
    """

    sets: IntArray
    energies: FloatArray
    fields: FloatArray
    free_from: IntArray

    @classmethod
    def at(cls, selection: Selection, sets: IntArray) -> Chains:
        """Chains that start at these sets."""
        fields = selection.linear + selection.pairs[sets].sum(1)
        return cls(sets, selection.energies(sets), fields, np.zeros(fields.shape, dtype=np.int64))


def exchange(
    selection: Selection, pool: Pool, chains: int = CHAINS, steps: int = STEPS, seed: int = 0
) -> None:
    """Put good arrangements into a pool: those that chains of exchanges come by.

    Parameters
    ----------
    selection
        With fewer sites to choose than there are.
    chains, steps
        Chains, and exchanges in each.
    """
    generator = np.random.default_rng(seed)
    starts = _starts(selection, chains, generator)
    pool.add(selection.energies(starts), starts)
    state = Chains.at(selection, starts)
    for step in range(steps):
        _step(selection, pool, state, step, generator)


def _starts(selection: Selection, chains: int, generator: np.random.Generator) -> IntArray:
    """(chains, n): half of them at random, half site by site, each the cheapest after a first."""
    size, count = len(selection), selection.count
    sets = generator.random((chains, size)).argpartition(count - 1, axis=1)[:, :count]
    grown = sets[: (chains + 1) // 2]
    grown[0, 0] = selection.linear.argmin()
    fields = np.tile(selection.linear, (len(grown), 1))
    rows = np.arange(len(grown))
    for place in range(count):
        if place:
            grown[:, place] = fields.argmin(1)
        fields += selection.pairs[grown[:, place]]
        fields[rows, grown[:, place]] = np.inf
    return sets


def _step(
    selection: Selection, pool: Pool, state: Chains, step: int, generator: np.random.Generator
) -> None:
    """Exchange one site in each chain, and show the pool what is worth it."""
    size, count = len(selection), selection.count
    block = max(1, _LARGEST_BLOCK // (size * count))
    remember = step + generator.integers(*_MEMORY, size=(len(state.sets), 2))
    for first in range(0, len(state.sets), block):
        rows = np.arange(first, min(first + block, len(state.sets)))
        changes = _changes(selection, state, rows)
        _show(pool, state, rows, changes)
        taboo = state.free_from[rows] > step
        fixed = np.take_along_axis(taboo, state.sets[rows], 1)[:, :, None] | taboo[:, None]
        allowed = np.where(fixed, np.inf, changes).reshape(len(rows), -1)
        blocked = ~np.isfinite(allowed.min(1))
        allowed[blocked] = changes.reshape(len(rows), -1)[blocked]
        places, added = np.divmod(allowed.argmin(1), size)
        _apply(selection, state, rows, places, added, remember[rows])


def _changes(selection: Selection, state: Chains, rows: IntArray) -> FloatArray:
    """(k, n, M) change of energy when a chosen site gives way to another; inf to a chosen one."""
    sets, fields = state.sets[rows], state.fields[rows]
    leaving = np.take_along_axis(fields, sets, 1)
    changes = fields[:, None] - leaving[:, :, None] - selection.pairs[sets]
    np.put_along_axis(changes, np.repeat(sets[:, None], sets.shape[1], 1), np.inf, 2)
    return np.asarray(changes)


def _show(pool: Pool, state: Chains, rows: IntArray, changes: FloatArray) -> None:
    """Add the neighbours that are below the limit of the pool, the lowest of them."""
    energies = state.energies[rows][:, None, None] + changes
    news = np.flatnonzero(energies.ravel() < pool.limit)
    if not len(news):
        return
    lowest = news[np.argsort(energies.ravel()[news], kind="stable")[: 10 * pool.keep]]
    chain, place, added = np.unravel_index(lowest, changes.shape)
    sets = state.sets[rows][chain].copy()
    sets[np.arange(len(sets)), place] = added
    pool.add(energies.ravel()[lowest], sets)


def _apply(
    selection: Selection,
    state: Chains,
    rows: IntArray,
    places: IntArray,
    added: IntArray,
    remember: IntArray,
) -> None:
    """Exchange the site at a place of each set for another, and remember both for a while."""
    removed = state.sets[rows, places]
    state.energies[rows] += (
        state.fields[rows, added] - state.fields[rows, removed] - selection.pairs[removed, added]
    )
    state.fields[rows] += selection.pairs[added] - selection.pairs[removed]
    state.sets[rows, places] = added
    state.free_from[rows, added] = remember[:, 0]
    state.free_from[rows, removed] = remember[:, 1]
