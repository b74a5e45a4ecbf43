"""Counting: how many sites a host misses, by energies, oxidation states and bond valences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida_hpaint.science.counting.counted import Count, Counting
from aiida_hpaint.science.counting.settings import CountingSettings

if TYPE_CHECKING:
    from aiida_hpaint.science.counting.count import count_missing

__all__ = ["Count", "Counting", "CountingSettings", "count_missing"]


def __getattr__(name: str) -> Any:
    """Offer `count_missing` without importing torch before it is needed."""
    if name == "count_missing":
        from aiida_hpaint.science.counting.count import count_missing

        return count_missing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
