"""Inputs of the stage `search`."""

from __future__ import annotations

from pydantic import Field

from aiida_hpaint.science.settings import (
    FilterSettings,
    PotentialSettings,
    RelaxationSettings,
    SamplingSettings,
    SearchSettings,
    Settings,
    SymmetrySettings,
)


class SearchInputs(Settings):
    """All that the search knows: when it ends, and how arrangements are made and relaxed."""

    search: SearchSettings
    sampling: SamplingSettings
    symmetry: SymmetrySettings
    filter: FilterSettings
    potential: PotentialSettings
    score: RelaxationSettings | None = None
    relaxation: RelaxationSettings
    misplaced: float = Field(
        0.0, ge=0, description="energy counted against each H of a sample at a wrong atom, eV"
    )

    @property
    def needs_generator(self) -> bool:
        """Whether a move asks for the generator of the settings."""
        return bool({"generated", "inpainted"} & set(self.search.moves))
