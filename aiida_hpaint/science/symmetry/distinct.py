"""Distinct arrangements of inserted sites, up to the symmetry of their host."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import FloatArray, IntArray


class DistinctArrangements:
    """Arrangements (m, 3) of one host that differ from each other by more than a tolerance (Å).

    Most pairs are distinguished by their sorted distances to the host's sites: no operation of the
    host changes these, and they change by no more than sites move.
    """

    def __init__(
        self,
        group: SymmetryGroup,
        numbers: IntArray,
        host: FloatArray,
        kinds: IntArray,
        tolerance: float,
    ) -> None:
        self._group, self._numbers, self._tolerance = group, numbers, tolerance
        self._host = [host[kinds == kind] for kind in np.unique(kinds)]
        self._known: list[FloatArray] = []
        self._prints: list[FloatArray] = []

    def add(self, frac: FloatArray) -> int | None:
        """Add an arrangement, unless it repeats an earlier one, whose index is returned."""
        mark = self._fingerprint(frac)
        place = self._place(frac, mark)
        if place is None:
            self._known.append(frac)
            self._prints.append(mark)
        return place

    def find(self, frac: FloatArray) -> int | None:
        """Return the index of the arrangement that this one repeats, or None."""
        return self._place(frac, self._fingerprint(frac))

    def _place(self, frac: FloatArray, mark: FloatArray) -> int | None:
        # Hosts are symmetric within a tolerance only, so operations change distances a little.
        limit = self._tolerance + 0.1
        for place, (other, known) in enumerate(zip(self._prints, self._known, strict=True)):
            if np.abs(mark - other).max(initial=0.0) <= limit and self._same(frac, known):
                return place
        return None

    def _fingerprint(self, frac: FloatArray) -> FloatArray:
        parts = [np.zeros(0)]
        for element in np.unique(self._numbers):
            sites = frac[self._numbers == element]
            for host in self._host:
                images = wrap_differences(sites[:, None] - host)[:, :, None] + NEIGHBOURS
                squares = ((images @ self._group.cell) ** 2).sum(-1).min(-1)
                parts.append(np.sort(np.sqrt(squares).ravel()))
        return np.concatenate(parts)

    def _same(self, left: FloatArray, right: FloatArray) -> bool:
        every = np.arange(len(self._group))
        blocks = self._group.blocks(every, len(left))
        return any(self._same_by(left, right, block) for block in blocks)

    def _same_by(self, left: FloatArray, right: FloatArray, operations: IntArray) -> bool:
        limit = self._tolerance**2
        shifts = wrap_differences(self._group.images(left, operations)[:, :, None] - right)
        squares = ((shifts @ self._group.cell) ** 2).sum(-1)
        squares[:, self._numbers[:, None] != self._numbers] = 1e6
        near = (squares.min(2).max(1) <= limit) & (squares.min(1).max(1) <= limit)
        for index in np.flatnonzero(near):
            from scipy.optimize import linear_sum_assignment

            rows, columns = linear_sum_assignment(squares[index])
            if squares[index][rows, columns].max() <= limit:
                return True
        return False
