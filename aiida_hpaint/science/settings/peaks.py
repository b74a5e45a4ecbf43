"""The baseline that places sites at maxima of an electrostatic potential."""

from __future__ import annotations

from pydantic import Field

from aiida_hpaint.science.settings.base import Settings
from aiida_hpaint.science.settings.dft import DftSettings


class PeaksSettings(Settings):
    """Settings of the search for sites at maxima of the electrostatic potential."""

    min_to_host: float = Field(
        0.7, ge=0, description="smallest distance of a site from any atom, Å"
    )
    min_between: float = Field(
        0.5, ge=0, description="smallest distance between two sites, Å; the deeper one stays"
    )
    tolerance: float = Field(
        0.1,
        gt=0,
        description="tolerance of the symmetry that makes sites equivalent, Å",
    )


class PinballSettings(Settings):
    """Settings of the choice among more sites than are needed."""

    screening: float = Field(
        4.0, ge=1, description="relative permittivity that screens the repulsion of protons"
    )
    keep: int = Field(
        3, ge=1, description="number of arrangements that are relaxed, the lowest in energy"
    )
    displacement: float = Field(
        0.0,
        ge=0,
        description="length by which each placed site is moved in a random direction before its "
        "relaxation, Å: no site then rests on a saddle point, but DFT has less symmetry to use",
    )
    exact_sites: int = Field(
        60,
        ge=1,
        description="largest number of sites for the exact search; above it, a heuristic is used",
    )


class RestoreHydrogenSettings(Settings):
    """Settings of the baseline: sites at maxima of the potential, relaxed by DFT."""

    dft: DftSettings = DftSettings()
    peaks: PeaksSettings = PeaksSettings()
    pinball: PinballSettings = PinballSettings()
    potential_kpoints: float = Field(
        0.2,
        gt=0,
        description="largest distance between k-points for the potential, 1/Å, if that of `dft` is "
        "larger; maxima of a flat potential depend on it",
    )
    loosen: float = Field(
        5.0,
        ge=1,
        description="factor on the thresholds of force and energy in all rounds before the last "
        "relaxation",
    )
    max_rounds: int = Field(5, ge=1, description="largest number of rounds of placing and relaxing")
