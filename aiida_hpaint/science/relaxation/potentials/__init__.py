"""Machine-learned potentials behind one interface, each loaded only when it is asked for."""

from __future__ import annotations

from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential, wrap_calculator
from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    Potential,
    PotentialCard,
    PotentialError,
    PotentialInfo,
    StressPotential,
    require_stress,
)
from aiida_hpaint.science.relaxation.potentials.registry import (
    check_trust,
    find_fetched_file,
    find_potential,
    get_potential,
    list_potentials,
)
from aiida_hpaint.science.relaxation.potentials.torch_sim_adapter import (
    TorchSimPotential,
    wrap_torch_sim,
)

__all__ = [
    "AsePotential",
    "Evaluation",
    "Potential",
    "PotentialCard",
    "PotentialError",
    "PotentialInfo",
    "StressPotential",
    "TorchSimPotential",
    "check_trust",
    "find_fetched_file",
    "find_potential",
    "get_potential",
    "list_potentials",
    "require_stress",
    "wrap_calculator",
    "wrap_torch_sim",
]
