"""Bond valences: do the bonds of a host agree with oxidation states, and which anions lack some?

Each bond between a cation and an anion carries exp((R0 - R) / b) valence units, and the bonds of
a site add up to its valence. Where the sums at anions fall short, protons are missing: the method
of Donnay & Allmann, American Mineralogist 55, 1003 (1970). Where hydride is missing, it is the
cations that fall short. R0 of bonds to oxygen: `oxide_bonds.yaml`; of other bonds: O'Keeffe &
Brese, J. Am. Chem. Soc. 113, 3226 (1991), with the numbers that pymatgen ships.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from aiida_hpaint.science.counting.charges import Balance
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.types import FloatArray, IntArray

SOFTNESS = 0.37
"""Å; b of the bond valence, as in the papers of the parameters."""
REACH = 4.0
"""Å; sites farther apart share no bond."""
UNCERTAINTY = 0.12
"""Relative standard deviation of a sum, with parameters of oxides."""
UNCERTAINTY_ELSEWHERE = 0.2
"""The same for other anions."""


@dataclass(frozen=True)
class Bonds:
    """Neighbours of a host.

    Attributes
    ----------
    symbols : (n,) strings
        Element of each site.
    first, second : (p,) integers
        Sites that are within `REACH`, each pair once in each order.
    distances : (p,) floats
        In Å.
    """

    symbols: tuple[str, ...]
    first: IntArray
    second: IntArray
    distances: FloatArray

    @classmethod
    def of(cls, host: StructureBatch) -> Bonds:
        """Of a batch of one structure, every site with its position."""
        from ase.neighborlist import neighbor_list

        from aiida_hpaint.science.structures.conversion import to_ase

        (atoms,) = to_ase(host)
        found = neighbor_list("ijd", atoms, REACH)
        return cls(tuple(get_symbol(number) for number in host.numbers.tolist()), *found)

    def sums(self, balance: Balance) -> FloatArray:
        """(n,) valence units that reach each site from sites of the other sign."""
        states = np.array([balance.states[symbol] for symbol in self.symbols])
        totals = np.zeros(len(self.symbols))
        for i, j, distance in zip(self.first, self.second, self.distances, strict=True):
            if states[i] > 0 > states[j]:
                length = bond_length(self.symbols[i], float(states[i]), self.symbols[j])
                valence = math.exp((length - distance) / SOFTNESS)
                totals[i] += valence
                totals[j] += valence
        return totals


def agreement(bonds: Bonds, balance: Balance) -> float:
    """How well the sums agree with an assignment: 1 at best, a Gaussian of each element's mean.

    With protons to add, cations must have their full valence already and anions at most theirs;
    with hydride to add, the other way round; with nothing to add, both must be full.
    """
    sums = bonds.sums(balance)
    exponent = 0.0
    for symbol in Counter(bonds.symbols):
        state = balance.states[symbol]
        members = [i for i, other in enumerate(bonds.symbols) if other == symbol]
        excess = float(sums[members].mean()) / abs(state) - 1
        may_lack = balance.added * state < 0
        if not (may_lack and excess < 0):
            exponent += (excess / _uncertainty(bonds.symbols)) ** 2
    return math.exp(-0.5 * exponent)


def missing(bonds: Bonds, balance: Balance) -> dict[int, float]:
    """Valence units that each site lacks to which something would be added."""
    sums = bonds.sums(balance)
    return {
        index: abs(balance.states[symbol]) - float(sums[index])
        for index, symbol in enumerate(bonds.symbols)
        if balance.added * balance.states[symbol] < 0
    }


@cache
def bond_length(cation: str, state: float, anion: str) -> float:
    """R0 in Å of a bond between a cation in an oxidation state and an anion.

    Raises
    ------
    KeyError
        If there are no parameters for these elements.
    """
    table = _oxide_bonds().get(cation) if anion == "O" else None
    if table:
        return float(table[min(table, key=lambda known: (abs(known - state), known))])
    return _softness_length(cation, anion)


def has_parameters(symbols: set[str]) -> bool:
    """Whether all pairs of these elements have a bond length."""
    try:
        for first in symbols:
            for second in symbols:
                bond_length(first, 1.0, second)
    except KeyError:
        return False
    return True


def _uncertainty(symbols: tuple[str, ...]) -> float:
    others = {"N", "S", "Se", "Te", "F", "Cl", "Br", "I", "P", "As"} & set(symbols)
    return UNCERTAINTY_ELSEWHERE if others else UNCERTAINTY


@cache
def _oxide_bonds() -> dict[str, dict[int, float]]:
    import yaml

    text = files(__package__ or "").joinpath("oxide_bonds.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[int, float]] = yaml.safe_load(text)
    return loaded


def _softness_length(first: str, second: str) -> float:
    """Equation 1 of O'Keeffe & Brese, in Å."""
    from pymatgen.analysis.bond_valence import BV_PARAMS
    from pymatgen.core import Element

    parameters: Any = BV_PARAMS
    one, two = parameters[Element(first)], parameters[Element(second)]
    softness = (math.sqrt(one["c"]) - math.sqrt(two["c"])) ** 2
    shortening = one["r"] * two["r"] * softness / (one["c"] * one["r"] + two["c"] * two["r"])
    return float(one["r"] + two["r"] - shortening)
