"""Relaxation: machine-learned potentials, batched optimisers and guards against their holes."""

from __future__ import annotations

from aiida_hpaint.science.relaxation.potentials import (
    PotentialCard,
    PotentialError,
    get_potential,
    list_potentials,
)
from aiida_hpaint.science.relaxation.relax import relax

__all__ = [
    "PotentialCard",
    "PotentialError",
    "get_potential",
    "list_potentials",
    "relax",
]
