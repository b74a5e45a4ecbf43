"""More structures with an element that data are short of: exchange others for it, and relax."""

from __future__ import annotations

from aiida_hpaint.science.substitution.run import substitute_elements
from aiida_hpaint.science.substitution.settings import SubstitutionSettings, Swap

__all__ = ["SubstitutionSettings", "Swap", "substitute_elements"]
