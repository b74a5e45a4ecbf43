"""Sites that may carry H: non-metals that have not all of their bonds."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.budget.findings import Findings
from aiida_hpaint.science.structures.budget.valences import find_bond_valences

CARRIERS = ("O", "N", "F", "C", "S", "Cl", "Se", "Br", "Te", "I", "P", "As", "B", "Si", "Ge")
"""Elements with covalent bonds to H, the most common carriers first."""

HYDRIDES = ("Al", "Ga")
"""Metals with covalent bonds to H in salts: alanates, gallanates."""

SATURATED = 0.75
"""Share of its valence from which an atom has no bond left for H: S of SO4, P of PO4."""

SATURATED_LACK = 0.5
"""The same for N and C, as the valence (v.u.) that they lack."""


def list_carriers(findings: Findings) -> list[str]:
    """Return the names of the sites that may carry H, those that lack most valence first."""
    elements, lacking = findings.cell.elements, findings.lacking
    found = [x for x, symbol in elements.items() if symbol in CARRIERS and may_carry(findings, x)]
    order = sorted(found, key=lambda x: (-lacking.get(x, 0.0), CARRIERS.index(elements[x])))
    return list(dict.fromkeys(findings.names.get(x, x) for x in order))


def may_carry(findings: Findings, label: str) -> bool:
    """Return whether a site may have a covalent bond to H: no metal, no centre of an oxoanion."""
    symbol = findings.cell.elements[label]
    if symbol == "O" or symbol not in (*CARRIERS, *HYDRIDES):
        return symbol == "O"
    if symbol in ("N", "C"):
        return findings.lacking[label] >= SATURATED_LACK
    atoms, bonds = np.array(findings.cell.labels) == label, find_bond_valences(findings.cell)
    return bool(np.mean(bonds.to_anions[atoms] / bonds.states[atoms]) < SATURATED)
