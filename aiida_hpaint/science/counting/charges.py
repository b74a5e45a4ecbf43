"""Charge balance: which numbers of sites make a neutral crystal of common oxidation states.

How common a state is comes from the ICSD, as counted by pymatgen (`icsd_bv.yaml`); elements that it
does not list have pymatgen's common states, all alike. The signs have to agree with Pauling's
electronegativities, as in SMACT (Davies et al., Chem 1, 617 (2016)).
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

RARE = 0.004
"""States that fewer of an element's ions have than this are left out."""
MIXED = 0.1
"""Weight of an element in two neighbouring states instead of one."""
MISORDER = 0.1
"""Pauling units by which an anion may be less electronegative than a cation."""


@dataclass(frozen=True)
class Balance:
    """A neutral assignment of oxidation states.

    Attributes
    ----------
    count
        Number of added sites that makes it neutral.
    states
        Mean oxidation state of each element of the host.
    added
        Oxidation state of what is added; 0 where nothing is.
    weight
        How common it is: the product of the shares of the states in the ICSD.
    """

    count: int
    states: Mapping[str, float]
    added: int
    weight: float

    def text(self, element: str) -> str:
        """The states in words, such as `Mg2+ O2- H1+`."""
        every = {**self.states, **({element: self.added} if self.added else {})}
        return " ".join(f"{symbol}{_signed(state)}" for symbol, state in every.items())


def _signed(state: float) -> str:
    return f"{abs(state):.3g}{'-' if state < 0 else '+'}"


def balances(composition: Mapping[str, int], element: str, n_max: int) -> list[Balance]:
    """All neutral assignments with 0 to `n_max` added sites, the commonest first.

    Parameters
    ----------
    composition
        Sites of the host by element.
    element
        What is added.
    """
    found = []
    for states, charge, weight in _assignments(composition):
        if not charge and _ordered(states):
            found.append(Balance(0, states, 0, weight))
        for state, share in _added_states(element, states).items():
            count = -charge / state
            every = {**states, element: float(state)}
            if count == int(count) and 0 < count <= n_max and _ordered(every):
                found.append(Balance(int(count), states, state, weight * share))
    return sorted(found, key=lambda balance: -balance.weight)


@cache
def common_states(symbol: str) -> Mapping[int, float]:
    """Oxidation states of an element other than zero, with their shares of its ions."""
    from pymatgen.core import Element

    seen = _occurrences().get(symbol, {})
    ions = {state: count for state, count in seen.items() if state}
    total = sum(ions.values())
    if not total:
        states = [state for state in Element(symbol).common_oxidation_states if state]
        return MappingProxyType({state: 1 / len(states) for state in states})
    shares = {state: count / total for state, count in sorted(ions.items())}
    return MappingProxyType({state: share for state, share in shares.items() if share >= RARE})


@cache
def _occurrences() -> dict[str, dict[int, int]]:
    from pymatgen.analysis.bond_valence import PRIOR_PROB

    counts: dict[str, dict[int, int]] = defaultdict(Counter)
    for species, count in PRIOR_PROB.items():
        counts[species.element.symbol][round(species.oxi_state or 0)] += count
    return dict(counts)


def _assignments(
    composition: Mapping[str, int],
) -> Iterator[tuple[dict[str, float], int, float]]:
    """States of all elements, the charge of the cell and the weight."""
    options = [list(_options(symbol, count)) for symbol, count in composition.items()]
    for chosen in itertools.product(*options):
        states = {
            symbol: charge / count
            for (symbol, count), (charge, _) in zip(composition.items(), chosen, strict=True)
        }
        weight = 1.0
        for _, share in chosen:
            weight *= share
        yield states, sum(charge for charge, _ in chosen), weight


def _options(symbol: str, count: int) -> Iterator[tuple[int, float]]:
    """Charges of all sites of an element together, and their weights."""
    states = common_states(symbol)
    for state, share in states.items():
        yield state * count, share
    for low, high in itertools.pairwise(states):
        if low * high > 0:
            for upper in range(1, count):
                charge = low * (count - upper) + high * upper
                yield charge, MIXED * min(states[low], states[high])


def _added_states(element: str, host: Mapping[str, float]) -> Mapping[int, float]:
    """States of what is added; an element of the host keeps the sign it has there."""
    states = common_states(element)
    if element in host:
        return {state: share for state, share in states.items() if state == host[element]}
    return states


def _ordered(states: Mapping[str, float]) -> bool:
    """Whether there are both signs, and no anion is clearly less electronegative than a cation."""
    cations = [_electronegativity(symbol) for symbol, state in states.items() if state > 0]
    anions = [_electronegativity(symbol) for symbol, state in states.items() if state < 0]
    return bool(cations and anions) and min(anions) + MISORDER >= max(cations)


@cache
def _electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    return float(Element(symbol).X)
