"""Settings of a substitution of elements, as they are written in its YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from aiida_hpaint.science.diffusion.training.files import Sources
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings, Settings
from aiida_hpaint.science.structures.elements import get_atomic_number, is_element
from aiida_hpaint.science.substitution.groups import GROUPS
from aiida_hpaint.science.substitution.voids import VOID, VOID_NUMBER


class Swap(Settings):
    """Replacement of one element by another element or a group; short forms: F>OH, F>OH:300."""

    take: str = Field(
        description=f"element to replace, or '{VOID}': hydrogen is put into voids between atoms"
    )
    put: str = Field(description=f"replacement: {', '.join(GROUPS)} or an element")
    limit: int | None = Field(
        None, ge=1, description="largest number of structures; null: all that the swap applies to"
    )
    beside: tuple[str, ...] = Field(
        (), description="further elements that a structure must contain"
    )
    without: tuple[str, ...] = Field((), description="elements that a structure must not contain")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names, _, limit = value.partition(":")
        take, _, put = names.partition(">")
        return {"take": take.strip(), "put": put.strip(), "limit": int(limit) if limit else None}

    @field_validator("take")
    @classmethod
    def _element(cls, value: str) -> str:
        if value != VOID and not is_element(value):
            raise ValueError(f"{value!r} is not an element: write a swap like 'F>H' or 'F>OH:300'")
        return value

    @field_validator("put")
    @classmethod
    def _element_or_group(cls, value: str) -> str:
        if value not in GROUPS and not is_element(value):
            raise ValueError(f"{value!r} is neither an element nor one of {', '.join(GROUPS)}")
        return value

    @property
    def taken(self) -> int:
        """Atomic number of the sites to replace."""
        return VOID_NUMBER if self.take == VOID else get_atomic_number(self.take)

    def __str__(self) -> str:
        return f"{self.take}>{self.put}"


class SubstitutionSettings(Settings):
    """Settings of a substitution run."""

    data: Sources = Field(description="source structures, as for training")
    output: Path = Field(description="folder for the result and for finished chunks")
    swaps: tuple[Swap, ...] = Field(min_length=1, description="replacements to apply")
    max_sites: int = Field(24, ge=2, description="largest number of sites after the substitution")
    scales: tuple[float, ...] = Field(
        (0.86, 0.9, 0.94, 0.98, 1.02, 1.06),
        min_length=1,
        description="factors of the cell's edges; the one of lowest energy is relaxed",
    )
    rattle: float = Field(
        0.05, ge=0, description="Å, random displacement of all sites, which breaks symmetries"
    )
    potential: PotentialSettings = Field(default_factory=PotentialSettings)
    relaxation: RelaxationSettings = RelaxationSettings(
        moving="all", fmax=0.1, max_steps=50, give_up_above=None
    )
    largest_force: float = Field(
        0.5, gt=0, description="eV/Å, largest force of an accepted structure"
    )
    chunk: int = Field(
        100, ge=1, description="structures in a chunk, which is written when finished"
    )
    seed: int = Field(0, ge=0, description="seed of the random numbers")
