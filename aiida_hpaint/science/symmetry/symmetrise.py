"""Arrangements averaged over operations, and samples made symmetric under subgroups."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import FloatArray, IntArray

EXACT = 1e-9
"""Deviation in Å up to which an averaged arrangement is invariant."""

_ROUNDS = 12


def find_mappings(
    group: SymmetryGroup,
    numbers: IntArray,
    frac: FloatArray,
    limit: float,
    members: IntArray | None = None,
) -> tuple[FloatArray, IntArray]:
    """Find how nearly operations map an arrangement onto itself.

    Parameters
    ----------
    frac : (m, 3)
        Fractional coordinates in the group's cell.
    limit
        Largest distance in Å that counts as a mapping.
    members : (k,)
        Operations by index; None: all.

    Returns
    -------
    (k,) Å, largest distance between an image and the site of its element that it belongs to,
    infinite where an operation is not near; (k, m) that site for each image.
    """
    chosen = np.arange(len(group)) if members is None else members
    blocks = group.blocks(chosen, len(frac))
    found = [_mapped(group, numbers, frac, limit, block) for block in blocks]
    distances, partners = zip(*found, strict=True)
    return np.concatenate(distances), np.concatenate(partners)


def _mapped(
    group: SymmetryGroup, numbers: IntArray, frac: FloatArray, limit: float, members: IntArray
) -> tuple[FloatArray, IntArray]:
    shifts = wrap_differences(group.images(frac, members)[:, :, None] - frac)
    squares = ((shifts @ group.cell) ** 2).sum(-1)
    squares[:, numbers[:, None] != numbers] = np.inf
    near = (squares.min(2).max(1) <= limit**2) & (squares.min(1).max(1) <= limit**2)
    partners = squares.argmin(2)
    several = (np.sort(partners, axis=1) != np.arange(len(frac))).any(1)
    for index in np.where(near & several)[0]:
        from scipy.optimize import linear_sum_assignment

        cost = np.where(np.isfinite(squares[index]), squares[index], 1e6)
        partners[index] = linear_sum_assignment(cost)[1]
    farthest = np.take_along_axis(squares, partners[:, :, None], 2)[:, :, 0].max(1)
    near &= farthest <= limit**2
    return np.where(near, np.sqrt(farthest), np.inf), partners


def average_images(
    group: SymmetryGroup, members: IntArray, numbers: IntArray, frac: FloatArray, reach: float
) -> tuple[FloatArray, float] | None:
    """Move an arrangement to the mean of its images; also return the largest shift (Å).

    None where the operations (a subgroup, by index) do not map it onto itself with sites moving
    less than `reach` (Å).
    """
    current = frac
    for _ in range(_ROUNDS):
        distances, partners = find_mappings(group, numbers, current, 2 * reach, members)
        if np.isinf(distances).any():
            return None
        if distances.max() < EXACT:
            break
        shifts = wrap_differences(group.images(current, members) - current[partners])
        moves = np.zeros_like(current)
        np.add.at(moves, partners, shifts)
        current = current + moves / len(members)
    moved = float(np.linalg.norm((current - frac) @ group.cell, axis=1).max())
    return (current, moved) if distances.max() < EXACT and moved <= reach else None


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
