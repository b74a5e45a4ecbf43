"""Training structures with a rare element, made by substituting it for others and relaxing."""

from __future__ import annotations

from aiida_hpaint.science.substitution.run import substitute_elements
from aiida_hpaint.science.substitution.settings import SubstitutionSettings, Swap

__all__ = ["SubstitutionSettings", "Swap", "substitute_elements"]
