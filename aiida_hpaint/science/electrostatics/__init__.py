"""Electrostatic potentials of hosts: where they would hold a proton, and which arrangement."""

from __future__ import annotations

from aiida_hpaint.science.electrostatics.arrangements import Arrangements
from aiida_hpaint.science.electrostatics.ewald import EwaldEnergies, compute_ewald_energies
from aiida_hpaint.science.electrostatics.grid import PotentialGrid, read_cube
from aiida_hpaint.science.electrostatics.peaks import (
    NEAR_ATOM,
    NEAR_SITE,
    Sites,
    find_maxima,
    find_sites,
)
from aiida_hpaint.science.electrostatics.pinball import choose_sites
from aiida_hpaint.science.electrostatics.starting_points import (
    join_starting_points,
    make_starting_points,
    refine_starting_points,
)

__all__ = [
    "NEAR_ATOM",
    "NEAR_SITE",
    "Arrangements",
    "EwaldEnergies",
    "PotentialGrid",
    "Sites",
    "choose_sites",
    "compute_ewald_energies",
    "find_maxima",
    "find_sites",
    "join_starting_points",
    "make_starting_points",
    "read_cube",
    "refine_starting_points",
]
