"""Electrostatic potentials of hosts: where they would hold a proton, and which arrangement."""

from __future__ import annotations

from aiida_hpaint.electrostatics.grid import PotentialGrid, read_cube
from aiida_hpaint.electrostatics.peaks import find_maxima, find_sites
from aiida_hpaint.electrostatics.sites import NEAR_ATOM, NEAR_SITE, Sites

__all__ = [
    "NEAR_ATOM",
    "NEAR_SITE",
    "PotentialGrid",
    "Sites",
    "find_maxima",
    "find_sites",
    "read_cube",
]
