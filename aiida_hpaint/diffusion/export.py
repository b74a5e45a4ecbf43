"""From a training checkpoint to a model that can be shipped."""

from __future__ import annotations

from pathlib import Path

import torch

from aiida_hpaint.diffusion.cards import ModelCard
from aiida_hpaint.diffusion.checkpoints import save_model
from aiida_hpaint.diffusion.networks.dense import DenseNetwork
from aiida_hpaint.diffusion.training import TrainingSettings

_ELSEWHERE = {"network", "noise", "data", "output", "name", "description", "about_data"}


def export_model(checkpoint: Path, settings: TrainingSettings, path: Path) -> ModelCard:
    """Write the averaged weights of a Lightning checkpoint, and their card, to `path`.

    The checkpoint is read without executing anything in it.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    prefix = "network."
    weights = {
        key.removeprefix(prefix): value
        for key, value in state["state_dict"].items()
        if key.startswith(prefix)
    }
    network = DenseNetwork(settings.network)
    network.load_state_dict(weights)
    training = settings.model_dump(mode="json", exclude=_ELSEWHERE)
    card = ModelCard(
        name=settings.name,
        architecture="dense",
        network=settings.network.model_dump(),
        noise=settings.noise,
        description=settings.description,
        data=settings.about_data,
        training={**training, "steps_done": state["global_step"]},
    )
    return save_model(network, card, path)
