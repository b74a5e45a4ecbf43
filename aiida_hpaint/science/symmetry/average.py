"""Arrangements of sites averaged over operations, so that these map them onto themselves."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

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
