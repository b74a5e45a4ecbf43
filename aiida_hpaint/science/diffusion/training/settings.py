"""The settings of a training run, as they stand in its YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    NoiseSettings,
    SamplingDefaults,
    read_card,
)
from aiida_hpaint.science.diffusion.models.library import find_model
from aiida_hpaint.science.diffusion.networks.dense import DenseNetworkSettings
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings
from aiida_hpaint.science.diffusion.training.files import Sources
from aiida_hpaint.science.diffusion.training.masks import MaskSettings
from aiida_hpaint.science.settings import Device, Settings


class DenseChoice(DenseNetworkSettings):
    """A dense network of some size."""

    architecture: Literal["dense"] = "dense"


class GemNetChoice(GemNetSettings):
    """A GemNet of some size; heads that are not trained are left out, unless they are asked for."""

    architecture: Literal["gemnet"] = "gemnet"
    types: int = Field(0, ge=0, description="logits of species (not trained); 0: none")
    lattice: bool = Field(False, description="heads of the lattice exist (not trained)")
    energy: bool = Field(False, description="heads of the energy exist (not trained)")


def _with_architecture(value: Any) -> Any:
    return {"architecture": "dense", **value} if isinstance(value, Mapping) else value


NetworkChoice = Annotated[
    DenseChoice | GemNetChoice,
    Field(discriminator="architecture"),
    BeforeValidator(_with_architecture),
]
"""Settings of a network, told apart by `architecture`; without it, of a dense one."""


class TrainingSettings(Settings):
    """Everything that a training run depends on; the seed and these give the same network."""

    data: Sources = Field(description="npz, extxyz, CIF, folder of CIFs or MatterGen cache; a list")
    output: Path = Field(description="folder for checkpoints, logs and the finished model")
    name: str = Field("trained", pattern=r"^[\w.-]+$", description="of the finished model")
    description: str = ""
    about_data: dict[str, Any] = Field({}, description="source and licence, for the card")
    start: str | None = Field(
        None, description="model to go on from: a name or path; it gives network and noise, too"
    )
    keep_start: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the weights of `start` in the finished model: 0.5 is the mean of "
        "what was there and what was learned (WiSE-FT, arXiv:2109.01903)",
    )
    network: NetworkChoice = DenseChoice()
    noise: NoiseSettings = CartesianNoiseSettings()
    masks: MaskSettings = MaskSettings()
    sampling: SamplingDefaults | None = Field(
        None, description="what the card recommends; unset: the scheme that the masks are for"
    )
    holdout: Sources = Field((), description="structures whose like are removed from the data")
    holdout_by: Literal["structure", "prototype"] = Field(
        "structure",
        description="'structure': what pymatgen's StructureMatcher calls the same; 'prototype': "
        "also what has the same prototype and elements",
    )
    validation: Sources = Field((), description="structures that the loss is watched on")
    validate_every: int = Field(1_000, ge=1, description="steps")
    validation_batches: int = Field(20, ge=1, description="the same ones each time")
    focus_share: float | None = Field(
        0.2,
        ge=0,
        le=1,
        description="share of each pool drawn from structures with the focus; null: as it comes",
    )
    loss: Literal["mean", "sum"] = Field(
        "mean",
        description="squared error of the noise of noisy sites: 'mean' over the sites of a "
        "structure, or MatterGen's 'sum' over them of the mean over the axes",
    )
    batch_size: int = Field(32, ge=1, description="structures, on each device")
    steps: int = Field(80_000, ge=1)
    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    warmup: int = Field(200, ge=0, description="steps of linear rise of the learning rate")
    decay: int = Field(12_000, ge=0, description="last steps, in which it falls linearly")
    weight_decay: float = Field(1e-4, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    average: float = Field(
        0.998, ge=0, lt=1, description="decay of the averaged weights; 0: no average"
    )
    clip: float = Field(2.0, gt=0, description="largest gradient")
    clip_by: Literal["norm", "value"] = Field("norm", description="what of the gradient")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = Field(0, ge=0)
    device: Device = "auto"
    devices: int = Field(1, ge=1, description="GPUs, or processes on CPUs, of each node")
    nodes: int = Field(1, ge=1)
    threads: int = Field(1, ge=1, description="CPU threads of the network")
    workers: int = Field(1, ge=0, description="processes that make batches, for each device")
    save_every: int = Field(2_000, ge=1, description="steps")
    keep: Literal["all", "last"] = Field("all", description="checkpoints that stay")
    log_every: int = Field(50, ge=1, description="steps of a row of the loss curve")

    @model_validator(mode="before")
    @classmethod
    def _network_of_the_start(cls, values: Any) -> Any:
        """Network and noise of the model to go on from, where they are not given."""
        if not isinstance(values, Mapping):
            return values
        unset = [key for key in ("network", "noise") if values.get(key, ...) is None]
        values = {key: value for key, value in values.items() if key not in unset}
        if not values.get("start") or {"network", "noise"} <= values.keys():
            return values
        card = read_card(find_model(str(values["start"])))
        network = {"architecture": card.architecture, **card.network}
        return {"network": network, "noise": card.noise.model_dump(), **values}

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingSettings:
        if self.keep_start and self.start is None:
            raise ValueError(
                f"there is no start to keep a share of {self.keep_start:g} of: name it in `start`"
            )
        dense = self.network.architecture == "dense"
        if dense and self.noise.kind == "fractional":
            raise ValueError(
                "a dense network takes noise levels in Å: use noise of kind 'cartesian', "
                "or the architecture 'gemnet'"
            )
        if dense and self.masks.kind == "td":
            raise ValueError(
                "masks of kind 'td' are for the architecture 'gemnet', which shows known sites at "
                "a time; a dense network marks them: use 'task' or 'uniform'"
            )
        return self

    @property
    def recommended(self) -> SamplingDefaults:
        """What the card of the finished model recommends for sampling."""
        scheme = "pos-only" if self.masks.kind == "none" else "td"
        return self.sampling or SamplingDefaults(scheme=scheme)
