"""The settings of an exchange of elements, as they stand in its YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from aiida_hpaint.science.diffusion.training.files import Sources
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings, Settings
from aiida_hpaint.science.structures.elements import is_element
from aiida_hpaint.science.substitution.groups import GROUPS


class Swap(Settings):
    """One element for another element or a group; in YAML 'F>OH' is enough, or 'F>OH:300'."""

    take: str = Field(description="element that leaves")
    put: str = Field(
        description=f"element or group in its place: {', '.join(GROUPS)} or an element"
    )
    limit: int | None = Field(None, ge=1, description="structures at most; null: all that fit")
    beside: tuple[str, ...] = Field((), description="elements that a structure must have as well")

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
        if not is_element(value):
            raise ValueError(f"{value!r} is no element: write a swap like 'F>H' or 'F>OH:300'")
        return value

    @field_validator("put")
    @classmethod
    def _element_or_group(cls, value: str) -> str:
        if value not in GROUPS and not is_element(value):
            raise ValueError(f"{value!r} is neither an element nor one of {', '.join(GROUPS)}")
        return value

    def __str__(self) -> str:
        return f"{self.take}>{self.put}"


class SubstitutionSettings(Settings):
    """Everything that the exchanged structures depend on."""

    data: Sources = Field(description="structures to start from, as for a training")
    output: Path = Field(description="folder for the structures and for what is finished of them")
    swaps: tuple[Swap, ...] = Field(min_length=1)
    max_sites: int = Field(24, ge=2, description="of a structure after the exchange")
    scales: tuple[float, ...] = Field(
        (0.86, 0.9, 0.94, 0.98, 1.02, 1.06),
        min_length=1,
        description="of the cell's edges, of which the lowest in energy is relaxed",
    )
    rattle: float = Field(
        0.05, ge=0, description="Å, random displacement that breaks a symmetry which would not hold"
    )
    potential: PotentialSettings = PotentialSettings()
    relaxation: RelaxationSettings = RelaxationSettings(
        moving="all", fmax=0.1, max_steps=50, give_up_above=None
    )
    largest_force: float = Field(
        0.5, gt=0, description="eV/Å, above which a structure is not kept in the end"
    )
    chunk: int = Field(100, ge=1, description="structures after which what is there is written")
    seed: int = Field(0, ge=0)
