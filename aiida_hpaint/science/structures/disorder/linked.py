"""Things that belong together because links lead from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from aiida_hpaint.science.types import IntArray

__all__ = ["group_linked", "number_linked"]


def number_linked(size: int, links: Iterable[Sequence[int]]) -> IntArray:
    """Return the (size,) number of the group of each thing, also linked by way of others."""
    # Here: 0.15 s that only records with disorder need.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = np.array([*links], dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def group_linked(size: int, links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return the groups of things that are linked, also by way of others."""
    numbers = number_linked(size, links)
    return [np.flatnonzero(numbers == one).tolist() for one in range(numbers.max(initial=-1) + 1)]
