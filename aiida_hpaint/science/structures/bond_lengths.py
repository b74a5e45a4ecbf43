"""Lengths of bonds of unit valence, R0, for bond valences exp((R0 - R) / b).

R0 of bonds to oxygen is in `oxide_bonds.yaml`, that of other bonds follows O'Keeffe and Brese,
J. Am. Chem. Soc. 113, 3226 (1991), with the parameters in pymatgen.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

from aiida_hpaint.science.structures.pymatgen_tables import read_pymatgen_table

SOFTNESS = 0.37
"""The parameter b of the bond valence, Å, as in both sources of R0."""


@cache
def find_bond_length(cation: str, state: float, anion: str) -> float:
    """Return R0 (Å) of a bond between a cation in an oxidation state and an anion.

    Raises
    ------
    KeyError
        If there are no parameters for these elements.
    """
    table = _read_oxide_bonds().get(cation) if anion == "O" else None
    if table:
        return float(table[min(table, key=lambda known: (abs(known - state), known))])
    return _estimate_bond_length(cation, anion)


def list_oxide_states(cation: str) -> list[int]:
    """Return the oxidation states of an element for which R0 of bonds to oxygen is tabulated."""
    return sorted(_read_oxide_bonds().get(cation, {}))


def has_parameters(symbols: set[str]) -> bool:
    """Return whether R0 is known for all pairs of these elements."""
    try:
        for first in symbols:
            for second in symbols:
                find_bond_length(first, 1.0, second)
    except KeyError:
        return False
    return True


@cache
def _read_oxide_bonds() -> dict[str, dict[int, float]]:
    import yaml

    text = files(__package__ or "").joinpath("oxide_bonds.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[int, float]] = yaml.safe_load(text)
    return loaded


def _estimate_bond_length(first: str, second: str) -> float:
    """Return R0 (Å) from equation 1 of O'Keeffe and Brese."""
    parameters = _read_parameters()
    one, two = (parameters[symbol] for symbol in (first, second))
    softness = (math.sqrt(one["c"]) - math.sqrt(two["c"])) ** 2
    shortening = one["r"] * two["r"] * softness / (one["c"] * one["r"] + two["c"] * two["r"])
    return float(one["r"] + two["r"] - shortening)


@cache
def _read_parameters() -> dict[str, dict[str, float]]:
    """Return the parameters c and r of each element that pymatgen has."""
    if (table := read_pymatgen_table("bvparam_1991.yaml")) is not None:
        return table
    from pymatgen.analysis.bond_valence import BV_PARAMS

    return {str(element): dict(values) for element, values in BV_PARAMS.items()}
