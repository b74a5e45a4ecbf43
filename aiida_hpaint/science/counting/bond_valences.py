"""Bond valences: agreement of a host's bonds with oxidation states, and sites that lack valence.

A bond of length R between a cation and an anion has the valence exp((R0 - R) / b), and the
valences of the bonds of a site add up to its oxidation state. If the sums at anions are too low,
protons are missing: the method of Donnay and Allmann, American Mineralogist 55, 1003 (1970). If
hydride is missing, the sums at cations are too low. R0 is that of `structures.bond_lengths`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.plausibility.charge_balance import ChargeBalance
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.bond_lengths import SOFTNESS, find_bond_length
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.types import FloatArray, IntArray

REACH = 4.0
"""Largest length of a bond, Å."""
UNCERTAINTY = 0.12
"""Relative standard deviation of the sum at a site of an oxide."""
UNCERTAINTY_OTHER = 0.2
"""Relative standard deviation of the sum at a site if there are other anions."""
_OTHER_ANIONS = frozenset({"N", "S", "Se", "Te", "F", "Cl", "Br", "I", "P", "As"})


@dataclass(frozen=True)
class Bonds:
    """Pairs of neighbours in a host.

    Attributes
    ----------
    symbols : (n,) strings
        Element of each site.
    first, second : (p,) integers
        Indices of the sites of each pair within `REACH`, in both orders.
    distances : (p,) floats
        Distances in Å.
    """

    symbols: tuple[str, ...]
    first: IntArray
    second: IntArray
    distances: FloatArray

    @classmethod
    def from_host(cls, host: StructureBatch) -> Bonds:
        """Find the pairs of a batch of one structure, whose sites all have positions."""
        from ase.neighborlist import neighbor_list

        from aiida_hpaint.science.structures.conversion import to_ase

        (atoms,) = to_ase(host)
        found = neighbor_list("ijd", atoms, REACH)
        return cls(tuple(get_symbol(number) for number in host.numbers.tolist()), *found)

    def sum_valences(self, balance: ChargeBalance) -> FloatArray:
        """Return (n,) the sum of bond valences at each site, with sites of the opposite sign."""
        states = np.array([balance.states[symbol] for symbol in self.symbols])
        totals = np.zeros(len(self.symbols))
        for i, j, distance in zip(self.first, self.second, self.distances, strict=True):
            if states[i] > 0 > states[j]:
                length = find_bond_length(self.symbols[i], float(states[i]), self.symbols[j])
                valence = math.exp((length - distance) / SOFTNESS)
                totals[i] += valence
                totals[j] += valence
        return totals


def rate_agreement(bonds: Bonds, balance: ChargeBalance) -> float:
    """Return the agreement of the sums with an assignment, from 0 to 1.

    It is the product of a Gaussian of the mean relative excess of each element. If protons are to
    be added, cations must have their full valence and anions may lack some; if hydride is, the
    other way round; if nothing is, neither may lack any.
    """
    sums = bonds.sum_valences(balance)
    uncertainty = UNCERTAINTY_OTHER if _OTHER_ANIONS & set(bonds.symbols) else UNCERTAINTY
    exponent = 0.0
    for symbol in Counter(bonds.symbols):
        state = balance.states[symbol]
        members = [i for i, other in enumerate(bonds.symbols) if other == symbol]
        excess = float(sums[members].mean()) / abs(state) - 1
        may_lack = balance.added * state < 0
        if not (may_lack and excess < 0):
            exponent += (excess / uncertainty) ** 2
    return math.exp(-0.5 * exponent)


def find_missing_valences(bonds: Bonds, balance: ChargeBalance) -> dict[int, float]:
    """Return the valence that each site lacks, for the sites that bind the added atoms."""
    sums = bonds.sum_valences(balance)
    return {
        index: abs(balance.states[symbol]) - float(sums[index])
        for index, symbol in enumerate(bonds.symbols)
        if balance.added * balance.states[symbol] < 0
    }
