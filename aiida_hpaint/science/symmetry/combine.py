"""Best-first search for orbits that together hold all inserted sites."""

from __future__ import annotations

import heapq

import numpy as np

from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

_MAX_NODES = 20000
"""Largest number of partial combinations that are examined."""


def combine_orbits(
    sizes: IntArray, scores: FloatArray, fit: BoolArray, total: int, count: int
) -> list[tuple[int, ...]]:
    """Find sets of orbits whose sizes add up to a total, the highest sum of scores first.

    The partial set with the highest attainable score is extended next, so sets are found in order.

    Parameters
    ----------
    sizes, scores : (n,)
        Sites of each orbit and what it adds to the score.
    fit : (n, n)
        Whether two orbits can be occupied together.
    total
        Number of sites.
    count
        Largest number of sets.
    """
    order = np.lexsort((np.arange(len(sizes)), -scores / sizes))
    rate = scores[order] / sizes[order]
    queue: list[tuple[float, int, int, float, tuple[int, ...]]] = [(0.0, 0, 0, 0.0, ())]
    found: list[tuple[int, ...]] = []
    for _ in range(_MAX_NODES):
        if not queue or len(found) >= count:
            break
        _, place, filled, score, chosen = heapq.heappop(queue)
        if filled == total:
            found.append(chosen)
            continue
        if place == len(order):
            continue
        candidate = int(order[place])
        branches = [(filled, score, chosen)]
        if filled + sizes[candidate] <= total and fit[candidate, list(chosen)].all():
            more = filled + int(sizes[candidate]), score + float(scores[candidate])
            branches.append((*more, (*chosen, candidate)))
        for now, value, members in branches:
            # Orbits are sorted by score per site, so the next one bounds what later ones can add.
            left = total - now
            rest = left * rate[place + 1] if left and place + 1 < len(order) else 0.0
            if left == 0 or place + 1 < len(order):
                heapq.heappush(queue, (-(value + rest), place + 1, now, value, members))
    return found
