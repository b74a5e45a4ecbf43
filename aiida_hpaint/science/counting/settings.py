"""The settings of a count of missing sites: one object for Python, YAML, CLI and provenance."""

from __future__ import annotations

from pydantic import Field, field_validator

from aiida_hpaint.science.settings import (
    RelaxationSettings,
    RestorationSettings,
    SamplingSettings,
    Settings,
)

SCREENING = RestorationSettings(
    sampling=SamplingSettings(samples=5),
    relax_inserted=RelaxationSettings(
        moving="inserted", fmax=0.1, max_steps=40, give_up_above=1.0, give_up_after=15
    ),
    relax_all=RelaxationSettings(moving="all", fmax=0.1, max_steps=30),
    keep=1,
    keep_window=0.0,
)
"""A restoration that is good enough to tell one number of sites from another."""


class TrustSettings(Settings):
    """How often each evidence is taken to be wrong; see `aiida_hpaint.science.counting.ranking`."""

    energy: float = Field(0.15, gt=0, le=1, description="how often the energies mislead")
    charge: float = Field(0.4, gt=0, le=1, description="how often the oxidation states mislead")
    valence: float = Field(0.15, gt=0, le=1, description="how often the bond valences mislead")


class CountingSettings(Settings):
    """Which numbers of sites are tried, how, and how what was found is weighed."""

    element: str = Field("H", description="the element that is missing")
    n_max: int = Field(8, ge=1, description="largest number of missing sites to try")
    restoration: RestorationSettings = SCREENING
    chemical_potential: tuple[float, float] = Field(
        (-2.0, 0.0),
        description="range for the element, eV per atom above its reference phase (for H: half of "
        "H2); -1.2 for H is water and oxygen, 0 hydrogen gas. Twice the same value is that value",
    )
    packaged_phases: bool = Field(
        True, description="compete with packaged prototypes of elements and simple compounds"
    )
    trust: TrustSettings = TrustSettings()

    @field_validator("chemical_potential")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("the lower end of the range comes first")
        return value
