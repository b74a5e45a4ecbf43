"""Settings of a training run, as they are written in its YAML file."""

from __future__ import annotations

import re
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
    """Size of a dense network."""

    architecture: Literal["dense"] = "dense"


class GemNetChoice(GemNetSettings):
    """Size of a GemNet, by default without the heads that training does not use."""

    architecture: Literal["gemnet"] = "gemnet"
    types: int = Field(0, ge=0, description="number of logits of species (not trained); 0: none")
    lattice: bool = Field(False, description="add the heads of the lattice (not trained)")
    energy: bool = Field(False, description="add the heads of the energy (not trained)")


def _with_architecture(value: Any) -> Any:
    return {"architecture": "dense", **value} if isinstance(value, Mapping) else value


NetworkChoice = Annotated[
    DenseChoice | GemNetChoice,
    Field(discriminator="architecture"),
    BeforeValidator(_with_architecture),
]
"""Settings of a network; `architecture` says which, and the default is `dense`."""


class TrainingSettings(Settings):
    """Settings of a training run; the same settings and data give the same network."""

    data: Sources = Field(
        description="one source or a list: npz, extxyz, CIF, folder of CIFs, MatterGen cache"
    )
    output: Path = Field(description="folder for checkpoints, logs and the finished model")
    name: str = Field("trained", description="name of the finished model")
    description: str = Field("", description="description of the finished model, for its card")
    about_data: dict[str, Any] = Field(
        {}, description="source and licence of the data, for the card"
    )
    initial_model: str | None = Field(
        None, description="name or path of a model to continue from, with its network and noise"
    )
    initial_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the weights of `initial_model` in the finished model; 0.5 averages "
        "the weights before and after training (WiSE-FT, arXiv:2109.01903)",
    )
    network: NetworkChoice = DenseChoice()
    noise: NoiseSettings = CartesianNoiseSettings()
    masks: MaskSettings = MaskSettings()
    sampling: SamplingDefaults | None = Field(
        None,
        description="sampling settings on the card; unset: the scheme that fits the masks",
    )
    held_out: Sources = Field((), description="structures whose matches are removed from the data")
    held_out_by: Literal["structure", "prototype"] = Field(
        "structure",
        description="what matches: 'structure': structures that pymatgen's StructureMatcher finds "
        "equal; 'prototype': also structures with the same prototype and elements",
    )
    validation: Sources = Field((), description="structures for the validation loss")
    validate_every: int = Field(1_000, ge=1, description="steps between two validations")
    validation_batches: int = Field(20, ge=1, description="number of batches, the same each time")
    focus_share: float | None = Field(
        0.2,
        ge=0,
        le=1,
        description="share of structures with the focus element of the masks; null: as in the data",
    )
    loss: Literal["mean", "sum"] = Field(
        "mean",
        description="squared error of the estimated noise at noisy sites: 'mean' over the sites of "
        "a structure, or as in MatterGen the 'sum' over sites of the mean over the axes",
    )
    batch_size: int = Field(32, ge=1, description="structures in a batch, for each device")
    steps: int = Field(80_000, ge=1, description="optimizer steps in all")
    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    warmup: int = Field(
        200, ge=0, description="steps at the start over which the learning rate rises linearly"
    )
    decay: int = Field(
        12_000, ge=0, description="steps at the end over which the learning rate falls linearly"
    )
    final_rate: float = Field(
        0.0, ge=0, le=1, description="share of the learning rate that is left after the decay"
    )
    weight_decay: float = Field(1e-4, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    average: float = Field(
        0.998,
        ge=0,
        lt=1,
        description="decay of the exponential moving average of the weights; 0: no average",
    )
    clip: float = Field(2.0, gt=0, description="largest gradient; larger ones are clipped")
    clip_by: Literal["norm", "value"] = Field(
        "norm", description="what is clipped: norm of all gradients, or each value"
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = Field(0, ge=0)
    device: Device = "auto"
    devices: int = Field(1, ge=1, description="GPUs (on CPUs: processes) on each node")
    nodes: int = Field(1, ge=1, description="number of nodes")
    threads: int = Field(1, ge=1, description="CPU threads for the network")
    workers: int = Field(1, ge=0, description="processes that prepare batches, for each device")
    save_every: int = Field(2_000, ge=1, description="steps between two checkpoints")
    keep_checkpoints: Literal["all", "last"] = Field("all", description="which checkpoints to keep")
    log_every: int = Field(50, ge=1, description="steps between two points of the loss curve")

    @model_validator(mode="before")
    @classmethod
    def _take_network_from_initial_model(cls, values: Any) -> Any:
        """Set network and noise to those of the initial model where they are not given."""
        if not isinstance(values, Mapping):
            return values
        unset = [key for key in ("network", "noise") if values.get(key, ...) is None]
        values = {key: value for key, value in values.items() if key not in unset}
        if not values.get("initial_model") or {"network", "noise"} <= values.keys():
            return values
        card = read_card(find_model(str(values["initial_model"])))
        network = {"architecture": card.architecture, **card.network}
        return {"network": network, "noise": card.noise.model_dump(), **values}

    @model_validator(mode="after")
    def _check_combinations(self) -> TrainingSettings:
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise ValueError(f"name {self.name!r}: use letters, digits, dots, - and _ only")
        if self.initial_share and self.initial_model is None:
            raise ValueError(
                f"initial_share is {self.initial_share:g}, but there is no initial_model: name one"
            )
        dense = self.network.architecture == "dense"
        if dense and self.noise.kind == "fractional":
            raise ValueError(
                "a dense network takes noise levels in Å: use noise of kind 'cartesian', "
                "or the architecture 'gemnet'"
            )
        if dense and self.masks.kind == "td":
            raise ValueError(
                "masks of kind 'td' need the architecture 'gemnet', which takes a time for each "
                "site; a dense network only marks known sites: use 'task' or 'uniform'"
            )
        takes_budgets = isinstance(self.network, DenseChoice) and self.network.budget > 0
        if self.masks.budget_probability and not takes_budgets:
            raise ValueError(
                "masks.budget_probability needs a dense network with budgets as an input: set "
                "network.budget, for example to 8, or budget_probability to 0"
            )
        return self

    @property
    def recommended(self) -> SamplingDefaults:
        """Sampling settings that the card of the finished model recommends."""
        scheme = "pos-only" if self.masks.kind == "none" else "td"
        return self.sampling or SamplingDefaults(scheme=scheme)
