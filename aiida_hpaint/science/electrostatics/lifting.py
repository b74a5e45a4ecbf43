"""A lower bound of a selection: its semidefinite relaxation, solved by alternating directions.

For x in {0,1}^m with sum r, the matrix Y = (x,1)(x,1)^T is positive semidefinite, its entries lie
in [0, 1], its diagonal is its last column, and it maps (1,...,1,-r) to zero. The energy is linear
in Y, so its minimum over all such matrices is a bound. Two copies of Y, one that is semidefinite
and one that has the entries, are made to agree by multipliers Z; any Z that is negative
semidefinite where sum x = r gives a bound, however far the two have come.

Source
------
D. E. Oliveira, H. Wolkowicz and Y. Xu, Math. Program. Comput. 10, 631 (2018), for the method. The
bound from Z takes the sum of the rest of each row into account, as P. C. Gilmore, J. SIAM 10, 305
(1962) and E. L. Lawler, Manage. Sci. 9, 586 (1963) do for assignments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.electrostatics.selection import Selection
from aiida_hpaint.science.types import BoolArray, FloatArray

_ROUNDS = 200
_CHECK = 4
_WORTH = 0.2
"""Share of what is missing that must be gained between two checks."""

_OVER = 1.6
"""Step of the multipliers; below (1 + sqrt 5) / 2."""

_SMALL = 1e-3


@dataclass(frozen=True, eq=False)
class Start:
    """Where to start from: the lifted solution and its multipliers, (m+1, m+1) each."""

    lifted: FloatArray
    multipliers: FloatArray

    @classmethod
    def flat(cls, size: int, count: int) -> Start:
        """All sites alike."""
        return cls(
            _lift(np.full(size, count / size), np.ones((size, size)), count),
            np.zeros((size + 1, size + 1)),
        )

    def after(self, inside: BoolArray, free: BoolArray, count: int) -> Start:
        """For the problem where some of the sites are chosen and some stay free (masks).

        Multipliers of chosen sites go to the constant, so that they still give a bound.
        """
        members = np.flatnonzero(free)
        size, rest = len(inside), len(members)
        entering = np.zeros((size + 1, rest + 1))
        entering[members, np.arange(rest)] = 1
        entering[:size, rest] = inside
        entering[size, rest] = 1
        weights = self.lifted.diagonal()[:size]
        if inside.sum() == 1:
            # What is expected of the others given that one.
            one = int(inside.argmax())
            weights = self.lifted[one, :size] / max(weights[one], _SMALL)
        lifted = _lift(weights[members], self.lifted[np.ix_(members, members)], count)
        return Start(lifted, entering.T @ self.multipliers @ entering)


@dataclass(frozen=True, eq=False)
class Relaxed:
    """What the relaxation proves of a selection of m sites.

    Attributes
    ----------
    bound : float
        No choice is below; the constant is included.
    inside, outside : (m,)
        No choice is below, if a site is chosen or is not.
    reached : Start
        The last solution, to start others from.
    """

    bound: float
    inside: FloatArray
    outside: FloatArray
    reached: Start

    @property
    def weights(self) -> FloatArray:
        """(m,) shares of the sites in the last solution, 0 to 1."""
        return self.reached.lifted.diagonal()[:-1]


def relax(
    selection: Selection,
    limit: float,
    unit: float,
    start: Start | None = None,
    thorough: bool = False,
) -> Relaxed:
    """Bounds of a selection, as good as they need be to reach a limit, if they can.

    Parameters
    ----------
    selection
        Of 2 to m - 1 sites among m.
    limit
        Bounds above it are good enough.
    unit
        Energy in which the problem is well scaled; multipliers are in it.
    start : Start, optional
        Solution and multipliers of a problem that is close.
    thorough
        Go on where little is gained, too.
    """
    size, count = len(selection), selection.count
    cost = selection.lifted() / unit
    wanted = (limit - selection.constant) / unit
    normal = np.append(np.ones(size), -float(count)) / np.sqrt(size + count**2)
    start = start or Start.flat(size, count)
    lifted, multipliers = start.lifted, start.multipliers
    best = -np.inf
    inside = outside = np.full(size, -np.inf)
    for step in range(1, _ROUNDS + 1):
        definite = _positive(_projected(lifted + multipliers, normal))
        if step % _CHECK == 0:
            dual = cost + multipliers + lifted - definite
            found, chosen, left = _row_bound(dual, count)
            inside, outside = np.maximum(inside, chosen), np.maximum(outside, left)
            last, best = best, max(best, found)
            slow = best - last < _WORTH * (wanted - best)
            if best >= wanted or (slow and not thorough):
                break
        lifted = _polyhedron(definite - cost - multipliers)
        multipliers = multipliers + _OVER * (lifted - definite)
    return Relaxed(
        selection.constant + unit * best,
        selection.constant + unit * inside,
        selection.constant + unit * outside,
        Start(lifted, multipliers),
    )


def simple_bound(selection: Selection) -> float:
    """A weak bound without any relaxation: each chosen site with its cheapest company."""
    return selection.constant + _row_bound(selection.lifted(), selection.count)[0]


def _row_bound(dual: FloatArray, count: int) -> tuple[float, FloatArray, FloatArray]:
    """Minimum of <dual, Y> over what rows of a Y allow; the same given that a site is (not) in."""
    size = len(dual) - 1
    others = dual[:size, :size].copy()
    np.fill_diagonal(others, np.inf)
    rows = dual.diagonal()[:size] + 2 * dual[:size, size]
    if count > 1:
        rows = rows + np.partition(others, count - 2, axis=1)[:, : count - 1].sum(1)
    ordered = np.sort(rows)
    bound = float(dual[size, size] + ordered[:count].sum())
    beyond = ordered[count] if count < size else np.inf
    inside = bound + np.maximum(rows - ordered[count - 1], 0)
    return bound, inside, bound + np.maximum(beyond - rows, 0)


def _projected(matrix: FloatArray, normal: FloatArray) -> FloatArray:
    """A symmetric matrix in the space that a unit vector is normal to."""
    column = matrix @ normal
    column -= normal * (normal @ column) / 2
    return np.asarray(matrix - np.outer(normal, column) - np.outer(column, normal))


def _positive(matrix: FloatArray) -> FloatArray:
    """The nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    first = int(np.searchsorted(values, 0))
    # The fewer vectors make the shorter product.
    if first >= len(values) / 2:
        return np.asarray((vectors[:, first:] * values[first:]) @ vectors[:, first:].T)
    return np.asarray(matrix - (vectors[:, :first] * values[:first]) @ vectors[:, :first].T)


def _polyhedron(matrix: FloatArray) -> FloatArray:
    """The nearest matrix with entries in [0, 1], its diagonal in its last column, and 1 there."""
    size = len(matrix) - 1
    column = (matrix.diagonal()[:size] + 2 * matrix[:size, size]) / 3
    nearest = np.clip(matrix, 0, 1)
    _border(nearest, np.clip(column, 0, 1))
    return nearest


def _border(lifted: FloatArray, weights: FloatArray) -> None:
    """Put the shares of the sites where they belong in a lifted matrix."""
    size = len(weights)
    lifted[np.arange(size), np.arange(size)] = weights
    lifted[:size, size] = lifted[size, :size] = weights
    lifted[size, size] = 1


def _lift(weights: FloatArray, pairs: FloatArray, count: int) -> FloatArray:
    """(m+1, m+1) from shares (m,) of sites and (m, m) of pairs, scaled to `count` sites."""
    size = len(weights)
    lifted = np.zeros((size + 1, size + 1))
    if not size:
        lifted[0, 0] = 1
        return lifted
    weights = np.clip(weights, _SMALL, 1)
    lifted[:size, :size] = np.maximum(pairs, _SMALL**2)
    np.fill_diagonal(lifted, 0)
    lifted *= count * (count - 1) / max(lifted.sum(), _SMALL)
    _border(lifted, np.minimum(weights * count / weights.sum(), 1))
    return lifted
