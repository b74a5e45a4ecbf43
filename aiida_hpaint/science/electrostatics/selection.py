"""A choice of some of many sites as a quadratic problem, and what is left of it part way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Selection:
    """Choose `count` of m sites so that constant + sum_i linear_i + sum_{i<j} pairs_ij is lowest.

    Attributes
    ----------
    linear : (m,)
        Of each site alone.
    pairs : (m, m)
        Of two of them; symmetric, with a diagonal of zeros.
    count : int
        Sites to choose.
    constant : float
        Of what was chosen before.
    """

    linear: FloatArray
    pairs: FloatArray
    count: int
    constant: float = 0.0

    def __len__(self) -> int:
        return len(self.linear)

    def energies(self, sets: IntArray) -> FloatArray:
        """(k,) of k sets (k, count) of sites."""
        among = self.pairs[sets[:, :, None], sets[:, None, :]].sum((1, 2)) / 2
        return np.asarray(self.constant + self.linear[sets].sum(1) + among)

    def after(self, chosen: IntArray, free: IntArray) -> Selection:
        """What is left when some sites are chosen and only others are free; both by index."""
        constant = float(self.energies(chosen[None])[0])
        linear = self.linear[free] + self.pairs[np.ix_(free, chosen)].sum(1)
        pairs = self.pairs[np.ix_(free, free)]
        return Selection(linear, pairs, self.count - len(chosen), constant)

    def complement(self) -> Selection:
        """Choose what to leave out instead: the energies stay the same."""
        fields = self.pairs.sum(1)
        constant = self.constant + self.linear.sum() + fields.sum() / 2
        return Selection(-self.linear - fields, self.pairs, len(self) - self.count, float(constant))

    def capped(self, most: float) -> Selection:
        """The same with no pair above `most`: nowhere higher than this."""
        return Selection(self.linear, np.minimum(self.pairs, most), self.count, self.constant)

    def lifted(self) -> FloatArray:
        """(m+1, m+1) the matrix C with energy - constant = <C, (x,1)(x,1)^T> for x in {0,1}^m."""
        size = len(self)
        matrix = np.zeros((size + 1, size + 1))
        matrix[:size, :size] = self.pairs / 2
        matrix[:size, size] = matrix[size, :size] = self.linear / 2
        return matrix
