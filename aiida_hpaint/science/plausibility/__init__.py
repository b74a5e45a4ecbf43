"""Plausibility: what the surroundings of inserted sites say before any energy is known."""

from aiida_hpaint.science.plausibility.contacts import Contacts, find_contacts
from aiida_hpaint.science.plausibility.misplaced import count_misplaced, find_parents
from aiida_hpaint.science.plausibility.rules import RULES, find_implausible_samples, find_too_close

__all__ = [
    "RULES",
    "Contacts",
    "count_misplaced",
    "find_contacts",
    "find_implausible_samples",
    "find_parents",
    "find_too_close",
]
