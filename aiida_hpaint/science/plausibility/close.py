"""Sites that are closer to each other than any bond."""

from __future__ import annotations

from aiida_hpaint.science.plausibility.contacts import Contacts
from aiida_hpaint.science.types import BoolArray

CLOSEST_BOND = 0.6
"""Share of the sum of covalent radii below which two sites cannot be neighbours."""

CLOSEST = 0.5
"""Å, below which no two sites can be."""


def too_close(contacts: Contacts) -> BoolArray:
    """(S,) whether an inserted site of a sample is closer to another site than any bond."""
    other = contacts.first != contacts.second
    near = (contacts.distance < CLOSEST) | (contacts.ratio < CLOSEST_BOND)
    return contacts.count(other & near) > 0
