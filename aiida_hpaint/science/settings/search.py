"""The search, which goes on from what was sampled until it is sure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aiida_hpaint.science.settings.base import Settings

Move = Literal["generated", "inpainted", "random", "turned", "swapped"]
"""Kinds of new arrangements; see `search.moves`."""


class SearchSettings(Settings):
    """How long the search goes on for a host, and what it tries."""

    agreement: int = Field(
        3,
        ge=1,
        description="number of independent samples that end in the lowest arrangement at which the "
        "search of a host ends, if they are more than end where no other does",
    )
    unseen: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of samples of the generator that end where no other does, below which "
        "two that end in the lowest arrangement suffice",
    )
    rediscoveries: int = Field(
        6,
        ge=1,
        description="number of samples of whatever origin that end in the lowest arrangement at "
        "which the search of a host ends, after a round that found nothing lower",
    )
    rounds: int = Field(4, ge=0, description="largest number of rounds; 0 only counts agreement")
    evaluations: int = Field(
        1000,
        ge=0,
        description="evaluations of the potential for a host, those of earlier stages included, "
        "after which no further round begins",
    )
    arrangements: int = Field(8, ge=1, description="new arrangements of each host in a round")
    relaxed: int = Field(
        4, ge=1, description="arrangements of each host that are relaxed in a round, after a score"
    )
    moves: tuple[Move, ...] = Field(
        ("generated", "inpainted", "random", "turned", "swapped"),
        min_length=1,
        description="kinds of new arrangements; 'generated' and 'inpainted' need the generator "
        "where the potential runs",
    )
