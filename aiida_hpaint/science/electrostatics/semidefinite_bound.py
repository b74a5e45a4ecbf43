"""Lower bounds of a quadratic problem from its semidefinite relaxation.

Lift
    A choice of r among m sites is a vector x in {0,1}^m with sum x = r. With the lifted matrix
    Y = (x,1)(x,1)^T, of shape (m+1, m+1), the energy is linear: constant + <C, Y>, where C is
    `QuadraticProblem.lifted_cost`.
Relaxation
    Every such Y (a) is positive semidefinite, (b) maps (1,...,1,-r) to zero, because sum x = r,
    (c) has entries in [0, 1], and (d) has its diagonal in its last column, because x_i² = x_i.
    Without the condition that its rank is 1, these define a convex set: the matrices that are
    positive semidefinite and nonnegative, called doubly nonnegative. The minimum of <C, Y> over
    this larger set is a lower bound.
Method
    The alternating direction method of multipliers keeps two copies of Y: R fulfils (a) and (b),
    Y fulfils (c) and (d), and the multipliers Z make them agree.
Validity
    The bound does not depend on convergence. With N = Y + Z - R, where R is the projection of
    Y + Z onto (a) and (b), <N, V> <= 0 for every V that fulfils (a) and (b). So
    <C, V> >= <C + N, V> for each lifted choice V, and a minimum of <C + N, V> over all choices,
    here that of Gilmore and Lawler row by row, is a lower bound in every iteration.

Source
------
J. Povh and F. Rendl, Discrete Optim. 6, 231 (2009), and S. Burer, Math. Program. 120, 479 (2009),
for lifts of quadratic 0/1 problems; D. E. Oliveira, H. Wolkowicz and Y. Xu, Math. Program. Comput.
10, 631 (2018), for the method; P. C. Gilmore, J. SIAM 10, 305 (1962), and E. L. Lawler, Manage.
Sci. 9, 586 (1963), for the bound by rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.types import BoolArray, FloatArray

_MAX_ITERATIONS = 200
_CHECK_EVERY = 4
"""Iterations between two evaluations of the bound, which costs as much as an iteration."""

_MIN_GAIN = 0.2
"""Share of the remaining gap that has to close between two evaluations."""

_STEP_LENGTH = 1.6
"""Step of the multipliers; the method converges below (1 + sqrt 5) / 2."""

_MIN_SHARE = 1e-3
"""Smallest share of a site in an initial iterate."""


@dataclass(frozen=True, eq=False)
class Iterate:
    """State of the iteration: the lifted matrix Y and its multipliers Z, (m+1, m+1) each."""

    lifted: FloatArray
    multipliers: FloatArray

    @classmethod
    def uniform(cls, size: int, count: int) -> Iterate:
        """Return the iterate in which all sites have the same share."""
        return cls(
            _lift(np.full(size, count / size), np.ones((size, size)), count),
            np.zeros((size + 1, size + 1)),
        )

    def restrict(self, inside: BoolArray, free: BoolArray, count: int) -> Iterate:
        """Return an iterate for the problem in which some sites are chosen and some are free.

        Rows and columns of the multipliers that belong to chosen sites are added to the last one,
        because x_i = 1 there, so that they still give a valid bound.

        Parameters
        ----------
        inside, free : (m,) booleans
            Sites that are chosen, and sites that are not decided.
        count
            Sites that remain to be chosen.
        """
        members = np.flatnonzero(free)
        size, rest = len(inside), len(members)
        embedding = np.zeros((size + 1, rest + 1))
        embedding[members, np.arange(rest)] = 1
        embedding[:size, rest] = inside
        embedding[size, rest] = 1
        shares = self.lifted.diagonal()[:size]
        if inside.sum() == 1:
            # Y_ij / Y_ii estimates the share of j given that i is chosen.
            one = int(inside.argmax())
            shares = self.lifted[one, :size] / max(shares[one], _MIN_SHARE)
        lifted = _lift(shares[members], self.lifted[np.ix_(members, members)], count)
        return Iterate(lifted, embedding.T @ self.multipliers @ embedding)


@dataclass(frozen=True, eq=False)
class SemidefiniteBounds:
    """Lower bounds of a quadratic problem with m sites.

    Attributes
    ----------
    bound : float
        Lower bound of all choices, including the constant.
    with_site, without_site : (m,)
        Lower bounds of the choices that contain a site and of those that do not.
    iterate : Iterate
        Last iterate; a good start for problems that are derived from this one.
    """

    bound: float
    with_site: FloatArray
    without_site: FloatArray
    iterate: Iterate

    @property
    def shares(self) -> FloatArray:
        """(m,) share of each site in the last iterate, from 0 to 1."""
        return self.iterate.lifted.diagonal()[:-1]


def compute_bounds(
    problem: QuadraticProblem,
    limit: float,
    unit: float,
    start: Iterate | None = None,
    thorough: bool = False,
) -> SemidefiniteBounds:
    """Compute lower bounds, until they reach a limit or improve too slowly.

    Parameters
    ----------
    problem
        Choice of 2 to m - 1 among m sites.
    limit
        Bound that is good enough.
    unit
        Unit of energy in which the problem is well scaled; the multipliers are in this unit.
    start : Iterate, optional
        Iterate of a similar problem.
    thorough
        Continue even if the bound improves slowly.
    """
    size, count = len(problem), problem.count
    cost = problem.lifted_cost() / unit
    target = (limit - problem.constant) / unit
    normal = np.append(np.ones(size), -float(count)) / np.sqrt(size + count**2)
    start = start or Iterate.uniform(size, count)
    lifted, multipliers = start.lifted, start.multipliers
    best = -np.inf
    with_site = without_site = np.full(size, -np.inf)
    for step in range(1, _MAX_ITERATIONS + 1):
        definite = _project_to_cone(_project_to_face(lifted + multipliers, normal))
        if step % _CHECK_EVERY == 0:
            found, chosen, left_out = _bound_by_rows(cost + multipliers + lifted - definite, count)
            with_site = np.maximum(with_site, chosen)
            without_site = np.maximum(without_site, left_out)
            last, best = best, max(best, found)
            slow = best - last < _MIN_GAIN * (target - best)
            if best >= target or (slow and not thorough):
                break
        lifted = _project_to_polyhedron(definite - cost - multipliers)
        multipliers = multipliers + _STEP_LENGTH * (lifted - definite)
    return SemidefiniteBounds(
        problem.constant + unit * best,
        problem.constant + unit * with_site,
        problem.constant + unit * without_site,
        Iterate(lifted, multipliers),
    )


def gilmore_lawler_bound(problem: QuadraticProblem) -> float:
    """Return a weak but cheap lower bound: each chosen site with its cheapest neighbours."""
    return problem.constant + _bound_by_rows(problem.lifted_cost(), problem.count)[0]


def _bound_by_rows(matrix: FloatArray, count: int) -> tuple[float, FloatArray, FloatArray]:
    """Bound <matrix, Y> over lifted choices; also for those with and those without each site.

    A chosen site adds its diagonal entry, its entries in the last row and column, and `count` - 1
    others of its row; the cheapest of these give a bound for each row, and the `count` cheapest
    rows one for all.
    """
    size = len(matrix) - 1
    others = matrix[:size, :size].copy()
    np.fill_diagonal(others, np.inf)
    rows = matrix.diagonal()[:size] + 2 * matrix[:size, size]
    if count > 1:
        rows = rows + np.partition(others, count - 2, axis=1)[:, : count - 1].sum(1)
    ordered = np.sort(rows)
    bound = float(matrix[size, size] + ordered[:count].sum())
    next_row = ordered[count] if count < size else np.inf
    with_site = bound + np.maximum(rows - ordered[count - 1], 0)
    return bound, with_site, bound + np.maximum(next_row - rows, 0)


def _project_to_face(matrix: FloatArray, normal: FloatArray) -> FloatArray:
    """Project a symmetric matrix onto those that map the unit vector `normal` to zero."""
    column = matrix @ normal
    column -= normal * (normal @ column) / 2
    return np.asarray(matrix - np.outer(normal, column) - np.outer(column, normal))


def _project_to_cone(matrix: FloatArray) -> FloatArray:
    """Return the nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    first = int(np.searchsorted(values, 0))
    # The product with fewer eigenvectors is cheaper.
    if first >= len(values) / 2:
        return np.asarray((vectors[:, first:] * values[first:]) @ vectors[:, first:].T)
    return np.asarray(matrix - (vectors[:, :first] * values[:first]) @ vectors[:, :first].T)


def _project_to_polyhedron(matrix: FloatArray) -> FloatArray:
    """Return the nearest matrix with entries in [0, 1] and its diagonal in its last column."""
    size = len(matrix) - 1
    # x_i occurs once on the diagonal and twice in the border: the mean of the three is nearest.
    shares = (matrix.diagonal()[:size] + 2 * matrix[:size, size]) / 3
    nearest = np.clip(matrix, 0, 1)
    _set_shares(nearest, np.clip(shares, 0, 1))
    return nearest


def _set_shares(lifted: FloatArray, shares: FloatArray) -> None:
    """Write the shares (m,) of the sites to the diagonal, last row and last column."""
    size = len(shares)
    lifted[np.arange(size), np.arange(size)] = shares
    lifted[:size, size] = lifted[size, :size] = shares
    lifted[size, size] = 1


def _lift(shares: FloatArray, pairs: FloatArray, count: int) -> FloatArray:
    """Return a lifted matrix from shares (m,) of sites and (m, m) of pairs, scaled to `count`."""
    size = len(shares)
    lifted = np.zeros((size + 1, size + 1))
    if not size:
        lifted[0, 0] = 1
        return lifted
    shares = np.clip(shares, _MIN_SHARE, 1)
    lifted[:size, :size] = np.maximum(pairs, _MIN_SHARE**2)
    np.fill_diagonal(lifted, 0)
    lifted *= count * (count - 1) / max(lifted.sum(), _MIN_SHARE)
    _set_shares(lifted, np.minimum(shares * count / shares.sum(), 1))
    return lifted
