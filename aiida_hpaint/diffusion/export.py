"""From a training checkpoint to a model that can be shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aiida_hpaint.diffusion.cards import ModelCard
from aiida_hpaint.diffusion.checkpoints import save_model
from aiida_hpaint.diffusion.networks.dense import DenseNetwork
from aiida_hpaint.diffusion.training import TrainingSettings


def export_model(
    checkpoint: Path,
    settings: TrainingSettings,
    path: Path,
    *,
    name: str,
    description: str = "",
    data: dict[str, Any] | None = None,
    accuracy: list[dict[str, Any]] | None = None,
) -> ModelCard:
    """Write the averaged weights of a Lightning checkpoint, and their card, to `path`."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    prefix = "network."
    weights = {
        key[len(prefix) :]: value
        for key, value in state["state_dict"].items()
        if key.startswith(prefix)
    }
    network = DenseNetwork(settings.network)
    network.load_state_dict(weights)
    card = ModelCard(
        name=name,
        architecture="dense",
        network=settings.network.model_dump(),
        noise=settings.noise,
        description=description,
        data=data or {},
        training={
            **settings.model_dump(mode="json", exclude={"network", "noise", "data", "output"}),
            "steps_done": state["global_step"],
        },
        accuracy=accuracy or [],
    )
    return save_model(network, card, path)
