"""Settings of counting missing sites, the same for Python, YAML, CLI and provenance."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

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
    checks=None,
)
"""Short restoration that is accurate enough to compare numbers of sites.

The energies decide, also those of hosts with so many sites that H2 forms.
"""


class ErrorRateSettings(Settings):
    """Assumed error rate of each criterion; see `aiida_hpaint.science.counting.ranking`."""

    energy: float = Field(
        0.15, gt=0, le=1, description="share of hosts for which the energies are wrong"
    )
    charge: float = Field(
        0.4, gt=0, le=1, description="share of hosts for which the oxidation states are wrong"
    )
    valence: float = Field(
        0.15, gt=0, le=1, description="share of hosts for which the bond valences are wrong"
    )


class CountingSettings(Settings):
    """Settings of counting: what is tried, how, and the weights of the criteria."""

    element: str = Field("H", description="element that is missing")
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
    error_rates: ErrorRateSettings = ErrorRateSettings()

    @field_validator("chemical_potential")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("the lower end of the range comes first")
        return value

    @model_validator(mode="after")
    def _check_sampled_cells(self) -> CountingSettings:
        last = self.restoration.relax_all
        if self.restoration.samples_cells and (last is None or last.cell == "fixed"):
            raise ValueError(
                "restoration.sampling.cell is 'free', but numbers of sites are compared by "
                "energies of relaxed cells: set restoration.relax_all.cell to free, too"
            )
        return self


def override_settings(
    settings: CountingSettings, element: str | None, n_max: int | None
) -> CountingSettings:
    """Return settings with another element or largest number.

    Raises
    ------
    ValueError
        If `n_max` is below 1.
    """
    if n_max is not None and n_max < 1:
        raise ValueError(f"n_max is {n_max}: give at least 1")
    given = {"element": element, "n_max": n_max}
    changed = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update=changed)
