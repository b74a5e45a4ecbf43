"""How hosts are read."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from aiida_hpaint.science.settings.base import Settings


class HostSettings(Settings):
    """How hosts are read: what is made of disorder, what is believed, what is taken out."""

    disorder: str = Field(
        "majority",
        description="'refuse' partial and mixed occupancy; 'majority': the main component of each "
        "site and disorder group; 'ordered:N': the N most plausible ordered cells",
    )
    budget: dict[str, int] | None = Field(
        None,
        description="number of missing H atoms on each atom of a listed site, by its label, like "
        "O1:1,Wat:2; null: as the record says",
    )
    trust: Literal["labels", "formula", "add"] | None = Field(
        None,
        description="what to believe in contradictions: labels (and other statements about single "
        "sites), the formula, or the number that is given to add; null: such a record is refused",
    )

    replace: str | None = Field(
        None,
        description="sites that are taken out of the host and inserted anew: elements, labels, "
        "numbers (#3-6), or those near a place (H within 2.5 of N1), separated by commas; null: "
        "none",
    )

    dilute: float | None = Field(
        None,
        gt=0,
        description="distance of periodic images of a site, Å, for which hosts are repeated; the "
        "numbers to add are of the supercell then; null: the cell of the file",
    )

    @field_validator("disorder")
    @classmethod
    def _is_policy(cls, value: str) -> str:
        if not re.fullmatch(r"refuse|majority|ordered:[1-9]\d*", value, re.ASCII):
            known = "majority, refuse, or ordered:N with a number from 1 on, like ordered:4"
            raise ValueError(f"{value!r} is none of {known}")
        return value


DEFAULT_HOST_SETTINGS = HostSettings()
