"""The lowest arrangements, proved: best-first branch and bound that uses symmetry.

A node is a set of sites that are chosen and a set that is left out; its bound is that of the
semidefinite relaxation. It branches on an orbit of free sites under the operations that keep both
sets: either one site of it is chosen (any, as they are equivalent), or none is.

Source
------
J. Ostrowski, J. Linderoth, F. Rossi and S. Smriglio, Math. Program. 126, 147 (2011), for the
branching on orbits.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from aiida_hpaint.science.electrostatics.arrangements import TIE, Pool
from aiida_hpaint.science.electrostatics.enumeration import enumerate_below, is_small
from aiida_hpaint.science.electrostatics.lifting import (
    Relaxed,
    Start,
    relax,
    simple_bound,
)
from aiida_hpaint.science.electrostatics.selection import Selection
from aiida_hpaint.science.types import BoolArray, IntArray

NODES = 5000
"""Relaxations after which a search is given up."""

_MEMORY = 500_000_000
"""Bytes that starting points of relaxations may take up."""

_DOUBT = 0.1
"""What a site is taken to be missed by at least, as a share of the most."""

_FREE, _CHOSEN, _LEFT_OUT = 0, 1, 2


def most_nodes(size: int) -> int:
    """Relaxations of problems with this many sites that time and memory allow."""
    return min(NODES, _MEMORY // (16 * (size + 1) ** 2))


@dataclass(frozen=True, eq=False)
class Node:
    """A part of the search.

    Attributes
    ----------
    bound : float
        Of all that is in it, in eV.
    states : (M,) integers
        Whether each site is free, chosen or left out.
    start : Start, optional
        Of its relaxation.
    """

    bound: float
    states: IntArray
    start: Start | None = None

    @property
    def free(self) -> IntArray:
        """(m,) indices of the sites that are neither chosen nor left out."""
        return np.flatnonzero(self.states == _FREE)

    @property
    def chosen(self) -> IntArray:
        """(k,) indices of the sites that are chosen."""
        return np.flatnonzero(self.states == _CHOSEN)


@dataclass
class Search:
    """Branch and bound over a selection, into a pool.

    Parameters
    ----------
    selection
        Exactly as symmetric as the permutations of the pool.
    pool
        What is known already; the lower, the shorter the search.
    nodes
        Relaxations, at most; see `most_nodes`.
    """

    selection: Selection
    pool: Pool
    nodes: int = NODES
    relaxed: int = field(default=0, init=False)
    """Relaxations so far."""

    def run(self) -> tuple[float, bool]:
        """What no arrangement but those in the pool is below (eV), and whether the search ended."""
        self._soften()
        root = Node(-np.inf, np.zeros(len(self.selection), dtype=np.int64))
        queue = [(root.bound, 0, root)]
        pushed = 0
        while queue and queue[0][0] < self.pool.limit:
            if self.relaxed >= self.nodes:
                return queue[0][0], False
            for child in self._branch(heapq.heappop(queue)[2]):
                pushed += 1
                heapq.heappush(queue, (child.bound, pushed, child))
        return self.pool.limit, True

    def _soften(self) -> None:
        """Cut what two sites that are much too close cost: it only spoils the scale of things."""
        limit = self.pool.limit
        most = limit - simple_bound(self.selection) if np.isfinite(limit) else np.inf
        self._soft = self.selection.capped(max(most, 0.0))
        size = len(self.selection)
        self._unit = max(float(np.linalg.norm(self._soft.pairs)) / 2 / (size + 1), TIE)

    def _branch(self, node: Node) -> list[Node]:
        """Look into a node; what is left of it in parts."""
        free = node.free
        missing = self.selection.count - len(node.chosen)
        if not 0 <= missing <= len(free):
            return []
        rest = self.selection.after(node.chosen, free)
        if is_small(rest):
            energies, sets = enumerate_below(rest, self.pool.limit)
            before = np.broadcast_to(node.chosen, (len(sets), len(node.chosen)))
            self.pool.add(energies, np.hstack([before, free[sets]]))
            return []
        self.relaxed += 1
        soft = self._soft.after(node.chosen, free)
        alone = self.nodes == 1
        relaxed = relax(soft, self.pool.limit, self._unit, node.start, thorough=alone)
        return self._parts(node, free, relaxed) if relaxed.bound < self.pool.limit else []

    def _parts(self, node: Node, free: IntArray, relaxed: Relaxed) -> list[Node]:
        """The parts of a node in which a site is chosen, or all that are equivalent are not."""
        labels = self._orbits(node.states)[free]
        # What holds for a site holds for its orbit; sums in another order may differ by rounding.
        inside = np.isin(labels, labels[relaxed.outside >= self.pool.limit])
        outside = np.isin(labels, labels[relaxed.inside >= self.pool.limit])
        if (inside & outside).any():
            return []
        undecided = ~(inside | outside)
        if not undecided.any():
            return [self._part(node, free, relaxed, inside, outside, relaxed.bound)]
        site = _site_to_decide(relaxed, labels, undecided)
        one = np.arange(len(free)) == site
        others = outside | (labels == labels[site])
        with_it, without = relaxed.inside[site], relaxed.outside[site]
        return [
            self._part(node, free, relaxed, inside | one, outside, with_it),
            self._part(node, free, relaxed, inside, others, without),
        ]

    def _part(
        self,
        node: Node,
        free: IntArray,
        relaxed: Relaxed,
        inside: BoolArray,
        outside: BoolArray,
        bound: float,
    ) -> Node:
        """A node in which more of the free sites are decided (masks of them)."""
        states = node.states.copy()
        states[free[inside]] = _CHOSEN
        states[free[outside]] = _LEFT_OUT
        count = self.selection.count - int((states == _CHOSEN).sum())
        start = relaxed.reached.after(inside, ~(inside | outside), max(count, 0))
        return Node(max(node.bound, float(bound)), states, start)

    def _orbits(self, states: IntArray) -> IntArray:
        """(M,) the first of the sites that operations which keep the states bring each site to."""
        permutations = self.pool.permutations
        keeping = (states[permutations] == states).all(1)
        return np.asarray(permutations[keeping].min(0))


def _site_to_decide(relaxed: Relaxed, labels: IntArray, free: BoolArray) -> int:
    """The site to branch on: likely chosen, with many equivalent ones (labels), and missed much."""
    sizes = np.bincount(labels)[labels]
    missed = relaxed.outside - relaxed.bound
    worth = relaxed.weights * sizes * (missed + _DOUBT * missed.max() + TIE)
    return int(np.where(free, worth, -1).argmax())
