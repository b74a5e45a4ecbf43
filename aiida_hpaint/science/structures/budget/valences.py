"""Valence that the atoms of a cell lack: the sums of their bond valences tell who carries H.

An oxygen of a hydroxyl lacks about one valence unit (v.u.), that of a water about two, as Donnay
and Allmann, American Mineralogist 55, 1003 (1970) found. The same holds for N and C if bonds
between non-metals count as well; listed H is left out of the sums, and found again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.structures.bond_lengths import (
    SOFTNESS,
    find_bond_length,
    list_oxide_states,
)
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.oxidation_states import find_common_states
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

VALENCES = {"O": 2.0, "N": 3.0, "C": 4.0}
"""Valences of the atoms that may carry H."""

NON_METALS = frozenset({"B", "C", "N", "O", "F", "Si", "P", "S", "Cl"})

COVALENT_REACH = 0.5
"""Length (Å) above R0 up to which two non-metals are bonded."""

LONGEST_COVALENT = 2.7
"""Length (Å) that no bond of two non-metals reaches, R0 and COVALENT_REACH together."""

PARTNERS = ("O", "N", "F", "Cl", "S", "Br", "I", "C")
"""The negative or equal partners of bonds, which give an atom its oxidation state."""

UNKNOWN_BOND = 0.3
"""Length (Å) by which R0 is below the sum of covalent radii, where there are no parameters."""

LONGEST_METAL_BOND = 1.15
"""Longest bond of a metal to C, relative to the sum of covalent radii."""

LONGEST_CARBON_BOND = 1.7
"""Longest bond (Å) of two C."""

TRIPLE_BOND = 1.19
"""Longest bond (Å) of a C to O or N that ends there: CO, CN."""


@dataclass(frozen=True)
class BondValences:
    """Bond valences of the atoms of a cell, without those of bonds to H.

    Attributes
    ----------
    sums : (n,)
        Sum of the valences (v.u.) of the bonds of each O, N and C; of C that a triple bond ends, 4.
    states : (n,)
        Oxidation state of each atom but H that the lengths of its bonds to anions fit best.
    to_anions : (n,)
        Sum of the valences (v.u.) of its bonds to anions in that state; 0 for the metals of
        metallocenes and arene complexes, which have no such bonds.
    """

    sums: FloatArray
    states: FloatArray
    to_anions: FloatArray


def find_lacking_valences(cell: CellContent) -> dict[str, float]:
    """Return the mean valence that the atoms of each listed O, N and C lack without H."""
    lacking: dict[str, list[float]] = defaultdict(list)
    sums = find_bond_valences(cell).sums.tolist()
    for label, symbol, total in zip(cell.labels, cell.symbols, sums, strict=True):
        if symbol in VALENCES:
            lacking[label].append(VALENCES[symbol] - total)
    return {label: float(np.mean(values)) for label, values in lacking.items()}


def find_bond_valences(cell: CellContent) -> BondValences:
    """Find the bonds of the atoms of a cell, and their valences."""
    size, symbols = len(cell.symbols), np.array(cell.symbols)
    first, second, distances = cell.neighbours
    covalent = np.isin(symbols, list(NON_METALS))
    kept = (symbols[first] != "H") & np.isin(symbols[second], PARTNERS)
    kept &= ~(covalent[first] & covalent[second]) | (distances < LONGEST_COVALENT)
    first, second, distances = first[kept], second[kept], distances[kept]
    eta = _find_eta_bonds(symbols, first, second, distances)
    in_eta = np.isin(np.arange(size), first[eta])
    first, second, distances = first[~eta], second[~eta], distances[~eta]
    states, to_anions, valences = np.zeros(size), np.zeros(size), np.zeros(len(first))
    for symbol in set(cell.symbols) - {"H"}:
        atoms, bonds = symbols == symbol, np.flatnonzero(symbols[first] == symbol)
        partners = symbols[second[bonds]]
        possible = _list_states(symbol)
        each = np.array([_find_valences(symbol, x, partners, distances[bonds]) for x in possible])
        sums = np.array([np.bincount(first[bonds], row, size) for row in each])
        best = np.abs(sums - np.array(possible)[:, None]).argmin(axis=0)
        states[atoms] = np.array(possible)[best[atoms]]
        to_anions[atoms] = sums[best[atoms], np.flatnonzero(atoms)]
        valences[bonds] = each[best[first[bonds]], np.arange(len(bonds))]
    to_anions[in_eta] = 0.0
    # Of two partners in the order O, N, C the later is the central one, so that none counts twice.
    rank = np.select([symbols == "O", symbols == "N", symbols == "C"], [0, 1, 2], 3)
    central = (rank[second] < 3) & (rank[first] >= rank[second])
    unlike = central & (rank[first] != rank[second])
    totals = np.zeros(size)
    totals += np.bincount(first[central], valences[central], size)
    totals += np.bincount(second[unlike], valences[unlike], size)
    ends = (rank[first] == 2) & (rank[second] < 2) & (distances <= TRIPLE_BOND)
    totals[first[ends]] = VALENCES["C"]
    return BondValences(totals, states, to_anions)


def _find_eta_bonds(
    symbols: NDArray[np.str_], first: IntArray, second: IntArray, distances: FloatArray
) -> BoolArray:
    """Return which bonds are those of a metal to a ring or chain of C as a whole.

    Two more neighbours of the C are bonded to the same metal, as in ferrocene: the electrons of
    such bonds are those of the short bonds C-C, which are counted already.
    """
    from ase.data import atomic_numbers, covalent_radii

    radii = np.array([covalent_radii[atomic_numbers[symbol]] for symbol in symbols.tolist()])
    to_carbon = (symbols[second] == "C") & ~np.isin(symbols[first], list(NON_METALS))
    to_carbon &= distances <= LONGEST_METAL_BOND * (radii[first] + radii[second])
    rows = np.flatnonzero(to_carbon)
    pairs = set(zip(first[rows].tolist(), second[rows].tolist(), strict=True))
    bonded = (symbols[first] == "C") & (symbols[second] == "C") & (distances < LONGEST_CARBON_BOND)
    beside: dict[int, list[int]] = defaultdict(list)
    for one, other in zip(first[bonded].tolist(), second[bonded].tolist(), strict=True):
        beside[one].append(other)
    eta = np.zeros(len(first), dtype=np.bool_)
    for row in rows.tolist():
        metal = int(first[row])
        eta[row] = sum((metal, other) in pairs for other in beside[int(second[row])]) > 1
    return eta


def _list_states(symbol: str) -> list[float]:
    """Return the oxidation states that an atom with bonds to anions may have."""
    if symbol in ("O", "C", "F"):
        return [{"O": -2.0, "C": 4.0, "F": -1.0}[symbol]]
    states = list_oxide_states(symbol) or [s for s in find_common_states(symbol) if s > 0]
    return list(map(float, states)) or [1.0]


def _find_valences(
    symbol: str, state: float, partners: NDArray[np.str_], distances: FloatArray
) -> FloatArray:
    """Return the valences of the bonds of atoms of one element to partners at distances (Å)."""
    valences = np.zeros(len(distances))
    for other in set(partners.tolist()):
        chosen = partners == other
        try:
            length = find_bond_length(symbol, state, other)
        except KeyError:
            length = _add_radii(symbol, other) - UNKNOWN_BOND
        valences[chosen] = np.exp((length - distances[chosen]) / SOFTNESS)
        if symbol in NON_METALS and other in NON_METALS:
            valences[chosen & (distances > length + COVALENT_REACH)] = 0.0
    return valences


@cache
def _add_radii(symbol: str, other: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[symbol]] + covalent_radii[atomic_numbers[other]])


def describe_lacking(lacking: Mapping[str, float], fewest: float = 0.6) -> str:
    """Return the sites that lack most as text, such as `OW 1.8, O1 0.9`."""
    most = sorted((item for item in lacking.items() if item[1] >= fewest), key=lambda x: -x[1])
    text = ", ".join(f"{label} {value:.1f}" for label, value in most[:6])
    return text + (f" and {len(most) - 6} more" if len(most) > 6 else "")
