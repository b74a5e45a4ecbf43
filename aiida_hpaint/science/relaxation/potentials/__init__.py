"""Machine-learned potentials behind one interface, each loaded only when it is asked for."""

from __future__ import annotations

from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    Potential,
    PotentialCard,
    PotentialError,
)
from aiida_hpaint.science.relaxation.potentials.registry import (
    PotentialInfo,
    check_trust,
    get_potential,
    list_potentials,
)

__all__ = [
    "Evaluation",
    "Potential",
    "PotentialCard",
    "PotentialError",
    "PotentialInfo",
    "check_trust",
    "get_potential",
    "list_potentials",
]
