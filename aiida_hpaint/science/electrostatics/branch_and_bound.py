"""The lowest arrangements with a proof: best-first branch and bound that uses symmetry.

A node of the search tree fixes some sites as chosen and some as left out. Its bound is that of the
semidefinite relaxation of the remaining problem, and the node with the lowest bound is branched on
next. Operations that map both sets of fixed sites onto themselves divide the free sites into
orbits. In orbital branching, a node has two children: in one a site of an orbit is chosen (any of
them, as they are equivalent), in the other the whole orbit is left out.

Source
------
J. Ostrowski, J. Linderoth, F. Rossi and S. Smriglio, Math. Program. 126, 147 (2011), for orbital
branching.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from aiida_hpaint.science.electrostatics.arrangements import TIE, SolutionPool
from aiida_hpaint.science.electrostatics.enumeration import enumerate_below, is_enumerable
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.semidefinite_bound import (
    Iterate,
    SemidefiniteBounds,
    compute_bounds,
    gilmore_lawler_bound,
)
from aiida_hpaint.science.types import BoolArray, IntArray

MAX_NODES = 5000
"""Relaxations after which a search stops without a proof."""

_MAX_BYTES = 500_000_000
"""Memory that the iterates of all open nodes may take up."""

_MIN_GAP = 0.1
"""Smallest gap that a site counts with when one is selected, as a share of the largest gap."""

_FREE, _CHOSEN, _LEFT_OUT = 0, 1, 2


def limit_nodes(size: int) -> int:
    """Return the number of relaxations with `size` sites that time and memory allow."""
    return min(MAX_NODES, _MAX_BYTES // (16 * (size + 1) ** 2))


@dataclass(frozen=True, eq=False)
class Node:
    """A node of the search tree.

    Attributes
    ----------
    bound : float
        Lower bound of all arrangements below the node, in eV.
    states : (M,) integers
        State of each site: free, chosen or left out.
    start : Iterate, optional
        Initial iterate of its relaxation.
    """

    bound: float
    states: IntArray
    start: Iterate | None = None

    @property
    def free(self) -> IntArray:
        """(m,) indices of the sites that are not fixed."""
        return np.flatnonzero(self.states == _FREE)

    @property
    def chosen(self) -> IntArray:
        """(k,) indices of the sites that are chosen."""
        return np.flatnonzero(self.states == _CHOSEN)


@dataclass
class BranchAndBound:
    """Branch and bound that adds the arrangements it finds to a pool.

    Parameters
    ----------
    problem
        Problem with exactly the symmetry of the permutations of the pool.
    pool
        Arrangements that are known; the lower their energies, the shorter the search.
    nodes
        Largest number of relaxations; see `limit_nodes`.
    """

    problem: QuadraticProblem
    pool: SolutionPool
    nodes: int = MAX_NODES
    relaxed: int = field(default=0, init=False)
    """Number of relaxations so far."""

    def run(self) -> tuple[float, bool]:
        """Search, and return a lower bound (eV) and whether the search was completed.

        The bound holds for all arrangements that are not in the pool.
        """
        # Interactions of sites that are much too close spoil the scaling of the relaxation. Capping
        # lowers energies only, so that bounds stay valid, and pairs at the cap are costly enough.
        limit = self.pool.limit
        gap = limit - gilmore_lawler_bound(self.problem) if np.isfinite(limit) else np.inf
        self._capped = self.problem.cap_pairs(max(gap, 0.0))
        norm = float(np.linalg.norm(self._capped.pairs))
        self._unit = max(norm / 2 / (len(self.problem) + 1), TIE)
        root = Node(-np.inf, np.zeros(len(self.problem), dtype=np.int64))
        queue = [(root.bound, 0, root)]
        pushed = 0  # breaks ties between equal bounds: nodes cannot be compared
        while queue and queue[0][0] < self.pool.limit:
            if self.relaxed >= self.nodes:
                return queue[0][0], False
            for child in self._branch(heapq.heappop(queue)[2]):
                pushed += 1
                heapq.heappush(queue, (child.bound, pushed, child))
        return self.pool.limit, True

    def _branch(self, node: Node) -> list[Node]:
        """Enumerate a node, or return the children that may hold a lower arrangement."""
        free = node.free
        if not 0 <= self.problem.count - len(node.chosen) <= len(free):
            return []
        rest = self.problem.restrict(node.chosen, free)
        if is_enumerable(rest):
            energies, sets = enumerate_below(rest, self.pool.limit)
            before = np.broadcast_to(node.chosen, (len(sets), len(node.chosen)))
            self.pool.add(energies, np.hstack([before, free[sets]]))
            return []
        self.relaxed += 1
        capped = self._capped.restrict(node.chosen, free)
        only_root = self.nodes == 1
        bounds = compute_bounds(capped, self.pool.limit, self._unit, node.start, only_root)
        return self._children(node, free, bounds) if bounds.bound < self.pool.limit else []

    def _children(self, node: Node, free: IntArray, bounds: SemidefiniteBounds) -> list[Node]:
        """Fix the sites that the bounds decide, then branch on an orbit of the others."""
        labels = self._find_orbits(node.states)[free]
        # What is proved for a site holds for its whole orbit. Bounds within an orbit may differ by
        # rounding, and sites of one orbit must not be decided differently.
        inside = np.isin(labels, labels[bounds.without_site >= self.pool.limit])
        outside = np.isin(labels, labels[bounds.with_site >= self.pool.limit])
        if (inside & outside).any():
            return []
        undecided = ~(inside | outside)
        if not undecided.any():
            return [self._fix(node, free, bounds, inside, outside, bounds.bound)]
        site = _select_site(bounds, labels, undecided)
        one = np.arange(len(free)) == site
        whole_orbit = outside | (labels == labels[site])
        with_site, without = bounds.with_site[site], bounds.without_site[site]
        return [
            self._fix(node, free, bounds, inside | one, outside, with_site),
            self._fix(node, free, bounds, inside, whole_orbit, without),
        ]

    def _fix(
        self,
        node: Node,
        free: IntArray,
        bounds: SemidefiniteBounds,
        inside: BoolArray,
        outside: BoolArray,
        bound: float,
    ) -> Node:
        """Return a child in which more of the free sites are fixed; masks over `free`."""
        states = node.states.copy()
        states[free[inside]] = _CHOSEN
        states[free[outside]] = _LEFT_OUT
        count = self.problem.count - int((states == _CHOSEN).sum())
        start = bounds.iterate.restrict(inside, ~(inside | outside), max(count, 0))
        return Node(max(node.bound, float(bound)), states, start)

    def _find_orbits(self, states: IntArray) -> IntArray:
        """Label each site (M,) by the first site of its orbit under operations that keep states."""
        permutations = self.pool.permutations
        keeping = (states[permutations] == states).all(1)
        return np.asarray(permutations[keeping].min(0))


def _select_site(bounds: SemidefiniteBounds, labels: IntArray, undecided: BoolArray) -> int:
    """Select the site to branch on: a large share, a large orbit and a large gap without it."""
    sizes = np.bincount(labels)[labels]
    gaps = bounds.without_site - bounds.bound
    worth = bounds.shares * sizes * (gaps + _MIN_GAP * gaps.max() + TIE)
    return int(np.where(undecided, worth, -1).argmax())
