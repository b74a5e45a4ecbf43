"""Model cards: kind, source, settings and accuracy of a model, readable without torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from aiida_hpaint.science.settings import Scheme, Settings

ARCHITECTURES = ("dense", "gemnet", "mattergen")


class CheckpointError(ValueError):
    """Error of a model that cannot be used; the message says which, why and what to do."""


class CartesianNoiseSettings(Settings):
    """Isotropic noise in Å: what `dense` networks are trained with."""

    kind: Literal["cartesian"] = "cartesian"
    smallest: float = Field(0.04, gt=0, description="last noise level, Å")
    largest: float = Field(5.0, gt=0, description="first noise level at most, Å")
    cell_fraction: float = Field(
        0.45, gt=0, description="first noise level as a fraction of the longest reduced edge"
    )


class FractionalNoiseSettings(Settings):
    """Isotropic noise in fractional coordinates, over the cube root of the sites: MatterGen's."""

    kind: Literal["fractional"] = "fractional"
    smallest: float = Field(0.01, gt=0, description="noise level at time 0, times sites^(1/3)")
    largest: float = Field(5.0, gt=0, description="noise level at time 1, times sites^(1/3)")


NoiseSettings = CartesianNoiseSettings | FractionalNoiseSettings


class CellNoiseSettings(Settings):
    """Noise in symmetric lattice matrices, towards a cube of a mean density: MatterGen's."""

    beta_min: float = Field(0.1, gt=0, description="rate of the noise at time 0")
    beta_max: float = Field(20.0, gt=0, description="rate of the noise at time 1")
    density: float = Field(0.05, gt=0, description="sites in the cell of pure noise, 1/Å³")
    variance: float = Field(
        0.25, gt=0, description="variance of a component at the end, Å², over sites^(2/3)"
    )


class SamplingDefaults(Settings):
    """Recommended sampling settings of a model, used where the settings give none."""

    scheme: Scheme = "td"
    steps: int = Field(25, ge=2)
    corrector_steps: int = Field(0, ge=0)
    snr: float = Field(0.2, gt=0)
    noise_scale: float = Field(1.0, ge=0)
    redraws: int = Field(0, ge=0)


class ModelCard(Settings):
    """Description of a model: kind, source, settings and accuracy."""

    name: str
    architecture: str = Field(description=f"one of {', '.join(ARCHITECTURES)}")
    network: dict[str, Any] = Field(description="size of the network")
    noise: NoiseSettings
    cell: CellNoiseSettings | None = Field(
        None, description="noise of the cell, of models that can sample it; null: of no others"
    )
    sampling: SamplingDefaults = Field(
        SamplingDefaults(), description="recommended; explicit settings override these"
    )
    sha256: str = Field("", description="sha256 of the safetensors file")
    description: str = ""
    data: dict[str, Any] = Field({}, description="training data, with licence")
    training: dict[str, Any] = Field({}, description="settings and cost of the training")
    accuracy: list[dict[str, Any]] = Field(
        [], description="measured accuracies, with the commands to reproduce them"
    )


def read_card(path: Path) -> ModelCard:
    """Read the card beside a safetensors file, or the card itself.

    Raises
    ------
    CheckpointError
        If it is missing or is not a card.
    """
    card = path.with_suffix(".json")
    if not card.is_file():
        raise CheckpointError(f"{path} has no card: put {card.name} beside it, as training does")
    try:
        return ModelCard.model_validate_json(card.read_text())
    except ValidationError as error:
        raise CheckpointError(f"{card} is not a model card: {error}") from error


def hash_card(card: ModelCard) -> str:
    """Return the sha256 of the entries of a card that affect samples (not of its description).

    Together with the sha256 of the weights, it identifies the model.
    """
    include = {"architecture", "network", "noise", "sampling"}
    if card.cell is not None:  # left out where there is none, as before cards had it
        include.add("cell")
    matters = card.model_dump(mode="json", include=include)
    return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()
