"""Plausibility: what the surroundings of inserted sites tell before any energy is known."""

from aiida_hpaint.science.plausibility.absurd import absurd
from aiida_hpaint.science.plausibility.close import too_close
from aiida_hpaint.science.plausibility.contacts import Contacts, find_contacts
from aiida_hpaint.science.plausibility.rules import RULES

__all__ = ["RULES", "Contacts", "absurd", "find_contacts", "too_close"]
