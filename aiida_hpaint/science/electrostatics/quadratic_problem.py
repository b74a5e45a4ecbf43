"""The choice of some of many sites as a quadratic 0/1 problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class QuadraticProblem:
    """Choice of `count` among m sites that minimises an energy.

    The energy of a set S is constant + sum_{i in S} linear_i + sum_{i<j in S} pairs_ij.

    Attributes
    ----------
    linear : (m,)
        Energy of each site alone, in eV.
    pairs : (m, m)
        Interaction of two sites, in eV; symmetric, with a diagonal of zeros.
    count : int
        Number of sites to choose.
    constant : float
        Energy of sites that were chosen before, in eV.
    """

    linear: FloatArray
    pairs: FloatArray
    count: int
    constant: float = 0.0

    def __len__(self) -> int:
        return len(self.linear)

    def energies(self, sets: IntArray) -> FloatArray:
        """Return the energy (eV) of each of k sets, (k, count) indices of sites."""
        among = self.pairs[sets[:, :, None], sets[:, None, :]].sum((1, 2)) / 2
        return np.asarray(self.constant + self.linear[sets].sum(1) + among)

    def restrict(self, chosen: IntArray, free: IntArray) -> QuadraticProblem:
        """Return the problem that remains if some sites are chosen and only `free` ones may be.

        Both are arrays of indices; the new problem has the sites `free`.
        """
        constant = float(self.energies(chosen[None])[0])
        linear = self.linear[free] + self.pairs[np.ix_(free, chosen)].sum(1)
        pairs = self.pairs[np.ix_(free, free)]
        return QuadraticProblem(linear, pairs, self.count - len(chosen), constant)

    def complement(self) -> QuadraticProblem:
        """Return the problem of choosing the sites that stay empty; energies are the same.

        With S' the sites outside S, sum_{i<j in S} pairs_ij is the sum of all pairs, less all
        pairs of each site in S', plus the pairs within S', which were subtracted twice.
        """
        fields = self.pairs.sum(1)
        constant = self.constant + self.linear.sum() + fields.sum() / 2
        count = len(self) - self.count
        return QuadraticProblem(-self.linear - fields, self.pairs, count, float(constant))

    def cap_pairs(self, most: float) -> QuadraticProblem:
        """Return the problem with no interaction above `most`; no energy is higher than before."""
        pairs = np.minimum(self.pairs, most)
        return QuadraticProblem(self.linear, pairs, self.count, self.constant)

    def lifted_cost(self) -> FloatArray:
        """Return C, (m+1, m+1), with energy = constant + <C, (x,1)(x,1)^T> for x in {0,1}^m."""
        size = len(self)
        matrix = np.zeros((size + 1, size + 1))
        matrix[:size, :size] = self.pairs / 2
        matrix[:size, size] = matrix[size, :size] = self.linear / 2
        return matrix
