"""Which orbits together hold the sites that are sought: a search over sums of their sizes."""

from __future__ import annotations

import heapq

import numpy as np

from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

_MAX_NODES = 20000
"""Partial combinations looked at, at most."""


def combine_orbits(
    sizes: IntArray, scores: FloatArray, fit: BoolArray, total: int, count: int
) -> list[tuple[int, ...]]:
    """Sets of orbits whose sizes sum to a total, the highest sum of scores first.

    Best first: the set with the highest score that can still be had is extended next, so what is
    found is in order.

    Parameters
    ----------
    sizes, scores : (n,)
        Sites of each orbit and what it adds to the score.
    fit : (n, n)
        Whether two orbits can be filled at once.
    total
        Number of sites.
    count
        Sets to find, at most.
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
            # No orbit further on adds more to the score for each site than the next one.
            left = total - now
            rest = left * rate[place + 1] if left and place + 1 < len(order) else 0.0
            if left == 0 or place + 1 < len(order):
                heapq.heappush(queue, (-(value + rest), place + 1, now, value, members))
    return found
