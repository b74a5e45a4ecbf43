"""Kinds of hydrogen: what it is bonded to in a complete structure."""

from __future__ import annotations

from collections import Counter

import numpy as np

from aiida_hpaint.science.plausibility.carriers import NONMETALS
from aiida_hpaint.science.plausibility.misplaced import find_parents
from aiida_hpaint.science.structures.batch import StructureBatch

OXYGEN = "O-H (hydroxide, hydrate, acid salt)"
CARBON = "C-H (organic)"
NONMETAL = "N, S, P or halogen"
COMPLEX = "complex hydride"
METALLIC = "metallic or ionic hydride"
OTHER = "not hydrogen"
KINDS = (OXYGEN, CARBON, NONMETAL, COMPLEX, METALLIC, OTHER)
"""Values of `classify_hydrogen`, in the order in which they are listed."""

_CENTRES = (5, 13, 14, 31, 32, 49, 50, *range(25, 31), *range(42, 49), *range(74, 81))
"""B, Al, Si, Ga, Ge, In, Sn and d metals of groups 7 to 12 (6 to 12 in the later rows): centres of
complex anions beside electropositive cations."""

_CATIONS = (3, 4, 11, 12, 19, 20, 37, 38, 55, 56, 63, 70)
"""Alkali and alkaline earth metals, Eu and Yb."""


def classify_hydrogen(structure: StructureBatch) -> str:
    """Return what carries the inserted hydrogen of one complete structure, as a kind.

    One H on carbon makes it organic. Otherwise most H decide; a tie goes to oxygen, then to other
    nonmetals. H on the centre of a complex beside electropositive cations, or on B, is of a
    complex hydride, and other H on metals, or on nothing, is metallic or ionic.
    """
    if not (structure.numbers[structure.inserted] == 1).all():
        return OTHER
    parents = find_parents(structure)
    elements = np.where(parents >= 0, structure.numbers[parents], 0)
    has_cations = bool(np.isin(structure.numbers, _CATIONS).any())
    kinds = Counter(_classify_carrier(int(element), has_cations) for element in elements)
    if CARBON in kinds:
        return CARBON
    order = (OXYGEN, NONMETAL, COMPLEX, METALLIC)
    return max(order, key=lambda kind: (kinds[kind], -order.index(kind)))


def _classify_carrier(element: int, has_cations: bool) -> str:
    if element in (6, 8):
        return CARBON if element == 6 else OXYGEN
    if element == 5 or (element in _CENTRES and has_cations):
        return COMPLEX
    return NONMETAL if element in NONMETALS else METALLIC
