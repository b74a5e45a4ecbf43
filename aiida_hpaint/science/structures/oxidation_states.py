"""Common oxidation states of elements, and electronegativities.

Frequencies of oxidation states are those in the ICSD, as counted by pymatgen (`icsd_bv.yaml`). For
elements that are not listed, pymatgen's common states are equally frequent.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from aiida_hpaint.science.structures.pymatgen_tables import read_pymatgen_table

_ION = re.compile(r"([A-Z][a-z]?)([0-9.]*)([+-])")

RARE = 0.004
"""Smallest share of an element's ions for which a state is considered."""


@cache
def find_common_states(symbol: str) -> Mapping[int, float]:
    """Return the nonzero oxidation states of an element, with their shares of its ions."""
    from pymatgen.core import Element

    seen = _count_ions().get(symbol, {})
    ions = {state: count for state, count in seen.items() if state}
    total = sum(ions.values())
    if not total:
        states = [state for state in Element(symbol).common_oxidation_states if state]
        return MappingProxyType({state: 1 / len(states) for state in states})
    shares = {state: count / total for state, count in sorted(ions.items())}
    return MappingProxyType({state: share for state, share in shares.items() if share >= RARE})


@cache
def _count_ions() -> dict[str, dict[int, int]]:
    counts: dict[str, dict[int, int]] = defaultdict(Counter)
    for ion, count in _read_occurrences().items():
        parts = _ION.fullmatch(ion)
        if parts is None:
            raise ValueError(f"{ion!r} in icsd_bv.yaml of pymatgen is no ion such as Fe3+")
        symbol, charge, sign = parts.groups()
        state = round(float(charge or 1))
        counts[symbol][-state if sign == "-" else state] += count
    return dict(counts)


def _read_occurrences() -> Mapping[str, int]:
    """Return how often each ion occurs, by names such as Fe3+, O2- and Na+."""
    if (table := read_pymatgen_table("icsd_bv.yaml")) is not None:
        occurrences: Mapping[str, int] = table["occurrence"]
        return occurrences
    from pymatgen.analysis.bond_valence import PRIOR_PROB

    return {str(ion): count for ion, count in PRIOR_PROB.items()}


@cache
def get_electronegativity(symbol: str) -> float:
    """Return the Pauling electronegativity of an element."""
    from pymatgen.core import Element

    return float(Element(symbol).X)
