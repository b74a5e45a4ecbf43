"""Samples made symmetric under subgroups of the host's group."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.average import average_images, find_mappings
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.types import FloatArray, IntArray

REACH_SHARES = (1 / 3, 2 / 3, 1.0)
"""Fractions of the reach; the largest subgroup within each gives a proposal."""

TIED = 1e-6
"""Difference in Å below which two operations are equally near."""


def symmetrise_arrangement(
    group: SymmetryGroup, numbers: IntArray, frac: FloatArray, reach: float
) -> list[FloatArray]:
    """Return versions of an arrangement (m, 3) with more symmetry, the nearest first.

    Operations are added in the order of how nearly they map the arrangement onto itself, each with
    all products; one that would move a site farther than `reach` (Å) is left out. From this chain
    of subgroups, the largest within each fraction of the reach is used.
    """
    distances, _ = find_mappings(group, numbers, frac, 2 * reach)
    chain = _chain(group, numbers, frac, reach, distances)
    chosen: dict[int, FloatArray] = {}
    for share in REACH_SHARES:
        within = [place for place, (_, moved) in enumerate(chain) if moved <= share * reach]
        if within:
            chosen[within[-1]] = chain[within[-1]][0]
    return list(chosen.values())


def _chain(
    group: SymmetryGroup, numbers: IntArray, frac: FloatArray, reach: float, distances: FloatArray
) -> list[tuple[FloatArray, float]]:
    """Return arrangements invariant under growing subgroups, and their largest shifts (Å)."""
    found = []
    members = np.array([group.identity])
    left = np.isfinite(distances)
    left[members] = False
    while left.any():
        # Rounding must not decide which of several equally near operations comes first.
        tied = np.flatnonzero(left & (distances <= distances[left].min() + TIED))
        subgroups = {tuple(group.closure(np.append(members, one))): None for one in tied}
        allowed = [np.array(one) for one in subgroups if np.isfinite(distances[list(one)]).all()]
        results = [(average_images(group, one, numbers, frac, reach), one) for one in allowed]
        fine = [(result, one) for result, one in results if result is not None]
        if not fine:
            left[tied] = False
            continue
        best, members = min(fine, key=lambda pair: (-len(pair[1]), pair[0][1]))
        left[members] = False
        found.append(best)
    return found
