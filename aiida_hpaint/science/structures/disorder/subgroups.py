"""The largest subgroup of a space group that is allowed, in the same cell."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import IntArray

_TRANSLATION = 1e-2  # fractional: listed translations have two digits at least
_MOST = 400  # subgroups that are looked at


def find_largest_subgroup(
    operations: SymmetryOperations, is_allowed: Callable[[IntArray], bool]
) -> IntArray:
    """Find the largest subgroup that is allowed; the trivial one always is.

    Operations that differ by lattice vectors count as one, centring is an operation like the
    others; so that subgroups have the cell of the group and may lose its centring.

    Parameters
    ----------
    operations : SymmetryOperations
        All G operations of the group.
    is_allowed : callable
        Whether a subgroup, as (g,) indices of operations, is allowed. Where it is not, none of
        its supergroups may be.

    Returns
    -------
    (g,)
        Indices of its operations.
    """
    table = _make_table(operations)
    identity = int(np.flatnonzero((table == np.arange(len(table))).all(axis=1))[0])
    trivial = frozenset({identity})
    cyclic = {_close(table, {identity, g}) for g in range(len(table))} - {trivial}
    generators = [group for group in sorted(cyclic, key=_order) if _allows(is_allowed, group)]
    largest, tried = trivial, {trivial, *generators}
    # The largest groups grow first, so that the limit costs at most some of the smaller ones.
    waiting = [(_order(group), group) for group in generators]
    heapq.heapify(waiting)
    while waiting and len(tried) < _MOST:
        group = heapq.heappop(waiting)[1]
        largest = min(largest, group, key=_order)
        for generator in generators:
            if generator <= group:
                continue
            larger = _close(table, group | generator)
            if larger in tried:
                continue
            tried.add(larger)
            if _allows(is_allowed, larger):
                heapq.heappush(waiting, (_order(larger), larger))
    return np.array(sorted(largest), dtype=np.int64)


def _allows(is_allowed: Callable[[IntArray], bool], group: frozenset[int]) -> bool:
    return is_allowed(np.array(sorted(group), dtype=np.int64))


def _order(group: frozenset[int]) -> tuple[int, tuple[int, ...]]:
    return -len(group), tuple(sorted(group))


def _make_table(operations: SymmetryOperations) -> IntArray:
    """Return the (G, G) table of products, modulo lattice vectors.

    Raises
    ------
    ValueError
        If the operations are no group.
    """
    rotations, translations = operations.rotations, operations.translations
    table = np.empty((len(rotations), len(rotations)), dtype=np.int64)
    for g in range(len(rotations)):
        turned = rotations[g] @ rotations
        shifted = translations @ rotations[g].T + translations[g]
        apart = shifted[:, None] - translations[None]
        apart -= np.round(apart)
        same = (np.abs(apart) < _TRANSLATION).all(axis=2)
        same &= np.isclose(turned[:, None], rotations[None]).all(axis=(2, 3))
        if not same.any(axis=1).all():
            raise ValueError("the symmetry operations are no group")
        table[g] = same.argmax(axis=1)
    return table


def _close(table: IntArray, members: set[int] | frozenset[int]) -> frozenset[int]:
    """Return the group that some operations, the identity among them, generate."""
    group = np.array(sorted(members))
    while True:
        is_member = np.zeros(len(table), dtype=bool)
        is_member[table[np.ix_(group, group)]] = True  # with the identity, the group itself too
        if is_member.sum() == len(group):
            return frozenset(group.tolist())
        group = np.flatnonzero(is_member)
