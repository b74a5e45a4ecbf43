"""Counting: how many sites a host misses, by energies, oxidation states and bond valences."""

from __future__ import annotations

from aiida_hpaint.counting.count import count_missing
from aiida_hpaint.counting.counted import Count, Counting
from aiida_hpaint.counting.settings import CountingSettings

__all__ = ["Count", "Counting", "CountingSettings", "count_missing"]
