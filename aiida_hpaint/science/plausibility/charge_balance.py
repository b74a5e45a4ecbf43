"""Charge balance: numbers of sites that make a crystal of common oxidation states neutral.

The signs must agree with Pauling electronegativities, as in SMACT (Davies et al., Chem 1, 617
(2016)).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiida_hpaint.science.structures.oxidation_states import (
    find_common_states,
    get_electronegativity,
)

MIXED = 0.1
"""Factor by which mixed valence, two neighbouring states, is less likely than a single state."""
MISORDER = 0.1
"""Pauling units by which an anion may be less electronegative than a cation."""


@dataclass(frozen=True)
class ChargeBalance:
    """A neutral assignment of oxidation states.

    Attributes
    ----------
    count
        Number of added sites that makes the crystal neutral.
    states
        Mean oxidation state of each element of the host.
    added
        Oxidation state of the added element; 0 if nothing is added.
    weight
        Product of the frequencies of the states in the ICSD.
    """

    count: int
    states: Mapping[str, float]
    added: int
    weight: float

    def text(self, element: str) -> str:
        """Return the states as text, such as `Mg2+ O2- H1+`."""
        every = {**self.states, **({element: self.added} if self.added else {})}
        return " ".join(
            f"{symbol}{abs(state):.3g}{'-' if state < 0 else '+'}"
            for symbol, state in every.items()
        )


def find_charge_balances(
    composition: Mapping[str, int], element: str, n_max: int
) -> list[ChargeBalance]:
    """Find all neutral assignments with 0 to `n_max` added sites, the most common first.

    Parameters
    ----------
    composition
        Number of atoms of each element in the host.
    element
        Element that is added.
    """
    found = []
    for states, charge, weight in _list_assignments(composition):
        if not charge and _has_ordered_signs(states):
            found.append(ChargeBalance(0, states, 0, weight))
        for state, share in _find_added_states(element, states).items():
            count = -charge / state
            every = {**states, element: float(state)}
            if count == int(count) and 0 < count <= n_max and _has_ordered_signs(every):
                found.append(ChargeBalance(int(count), states, state, weight * share))
    return sorted(found, key=lambda balance: -balance.weight)


def _list_assignments(
    composition: Mapping[str, int],
) -> Iterator[tuple[dict[str, float], int, float]]:
    """Yield the states of all elements, the charge of the cell and the weight."""
    options = [list(_list_charges(symbol, count)) for symbol, count in composition.items()]
    for chosen in itertools.product(*options):
        states = {
            symbol: charge / count
            for (symbol, count), (charge, _) in zip(composition.items(), chosen, strict=True)
        }
        weight = math.prod(share for _, share in chosen)
        yield states, sum(charge for charge, _ in chosen), weight


def _list_charges(symbol: str, count: int) -> Iterator[tuple[int, float]]:
    """Yield the total charge of all atoms of an element, and its weight."""
    states = find_common_states(symbol)
    for state, share in states.items():
        yield state * count, share
    for low, high in itertools.pairwise(states):
        if low * high > 0:
            for upper in range(1, count):
                charge = low * (count - upper) + high * upper
                yield charge, MIXED * min(states[low], states[high])


def _find_added_states(element: str, host: Mapping[str, float]) -> Mapping[int, float]:
    """Return states of the added element; an element of the host has the same state as there."""
    states = find_common_states(element)
    if element in host:
        return {state: share for state, share in states.items() if state == host[element]}
    return states


def _has_ordered_signs(states: Mapping[str, float]) -> bool:
    """Return whether both signs occur, and anions are more electronegative than cations."""
    cations = [get_electronegativity(symbol) for symbol, state in states.items() if state > 0]
    anions = [get_electronegativity(symbol) for symbol, state in states.items() if state < 0]
    return bool(cations and anions) and min(anions) + MISORDER >= max(cations)
