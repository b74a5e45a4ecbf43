"""Valence that the atoms of a cell lack: the sums of their bond valences tell who carries H.

An oxygen of a hydroxyl lacks about one valence unit (v.u.), that of a water about two, as Donnay
and Allmann, American Mineralogist 55, 1003 (1970) found. The same holds for N and C if bonds
between non-metals count as well; listed H is left out of the sums, and found again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from aiida_hpaint.science.structures.bond_lengths import (
    SOFTNESS,
    find_bond_length,
    list_oxide_states,
)
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.oxidation_states import find_common_states

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

TRIPLE_BOND = 1.19
"""Longest bond (Å) of a C to O or N that ends there: CO, CN."""


def find_lacking_valences(cell: CellContent) -> dict[str, float]:
    """Return the mean valence that the atoms of each listed O, N and C lack without H."""
    bonds = _list_bonds(cell)
    lacking: dict[str, list[float]] = defaultdict(list)
    for atom, symbol in enumerate(cell.symbols):
        if symbol in VALENCES:
            ends = symbol == "C" and any(
                other in ("O", "N") and distance <= TRIPLE_BOND
                for other, distance, _ in bonds[atom]
            )
            total = VALENCES[symbol] if ends else sum(valence for *_, valence in bonds[atom])
            lacking[cell.labels[atom]].append(VALENCES[symbol] - total)
    return {label: float(np.mean(values)) for label, values in lacking.items()}


def _list_bonds(cell: CellContent) -> list[list[tuple[str, float, float]]]:
    """Return the bonds of each atom but those to H: other element, length and valence."""
    pairs: list[list[tuple[int, float]]] = [[] for _ in cell.symbols]
    first, second, distances = cell.neighbours
    symbols = np.array(cell.symbols)
    covalent = np.isin(symbols, list(NON_METALS))
    kept = (symbols[first] != "H") & np.isin(symbols[second], PARTNERS)
    kept &= ~(covalent[first] & covalent[second]) | (distances < LONGEST_COVALENT)
    for i, j, distance in zip(
        first[kept].tolist(), second[kept].tolist(), distances[kept].tolist(), strict=True
    ):
        pairs[i].append((j, distance))
    bonds: list[list[tuple[str, float, float]]] = [[] for _ in cell.symbols]
    for i, neighbours in enumerate(pairs):
        symbol = cell.symbols[i]
        state = _choose_state(symbol, [(cell.symbols[j], d) for j, d in neighbours])
        for j, distance in neighbours:
            other = cell.symbols[j]
            if not _is_central(symbol, other):
                continue
            valence = _find_valence(symbol, state, other, distance)
            bonds[i].append((other, distance, valence))
            if symbol != other:
                bonds[j].append((symbol, distance, valence))
    return bonds


def _is_central(symbol: str, other: str) -> bool:
    """Return whether the first is the positive one of a bond, or an equal partner."""
    order = ("O", "N", "C")
    if symbol in order and other in order:
        return order.index(symbol) >= order.index(other)
    return other in order and symbol not in order


def _choose_state(symbol: str, neighbours: list[tuple[str, float]]) -> float:
    """Return the oxidation state that the bonds of an atom add up to best."""
    if symbol in ("O", "C", "F"):
        return {"O": -2.0, "C": 4.0, "F": -1.0}[symbol]
    states = list_oxide_states(symbol) or [s for s in find_common_states(symbol) if s > 0]

    def misfit(state: float) -> float:
        return abs(sum(_find_valence(symbol, state, *one) for one in neighbours) - state)

    if len(states) < 2:
        return float(states[0]) if states else 1.0
    return float(min(states, key=misfit))


def _find_valence(symbol: str, state: float, other: str, distance: float) -> float:
    try:
        length = find_bond_length(symbol, state, other)
    except KeyError:
        length = _add_radii(symbol, other) - UNKNOWN_BOND
    if symbol in NON_METALS and other in NON_METALS and distance > length + COVALENT_REACH:
        return 0.0
    return math.exp((length - distance) / SOFTNESS)


def _add_radii(symbol: str, other: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[symbol]] + covalent_radii[atomic_numbers[other]])


def describe_lacking(lacking: Mapping[str, float], fewest: float = 0.6) -> str:
    """Return the sites that lack most as text, such as `OW 1.8, O1 0.9`."""
    most = sorted((item for item in lacking.items() if item[1] >= fewest), key=lambda x: -x[1])
    text = ", ".join(f"{label} {value:.1f}" for label, value in most[:6])
    return text + (f" and {len(most) - 6} more" if len(most) > 6 else "")
