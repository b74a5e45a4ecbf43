"""How many atoms a host misses, from energies, oxidation states and bond valences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida_hpaint.science.counting.results import CountingResult, RankedCount
from aiida_hpaint.science.counting.settings import CountingSettings

if TYPE_CHECKING:
    from aiida_hpaint.science.counting.estimate import estimate_missing_count

__all__ = ["CountingResult", "CountingSettings", "RankedCount", "estimate_missing_count"]


def __getattr__(name: str) -> Any:
    """Import `estimate_missing_count`, and torch with it, only when it is used."""
    if name == "estimate_missing_count":
        from aiida_hpaint.science.counting.estimate import estimate_missing_count

        return estimate_missing_count
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
