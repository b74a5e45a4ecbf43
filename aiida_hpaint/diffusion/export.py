"""From a training checkpoint to a model that can be shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aiida_hpaint.diffusion.cards import CheckpointError, ModelCard
from aiida_hpaint.diffusion.checkpoints import save_model
from aiida_hpaint.diffusion.start import build_network
from aiida_hpaint.diffusion.training_record import RECORD
from aiida_hpaint.diffusion.training_settings import TrainingSettings

_PREFIX = "network."
_ELSEWHERE = {
    "network",
    "noise",
    "sampling",
    "data",
    "validation",
    "holdout",
    "holdout_by",
    "output",
    "name",
    "description",
    "about_data",
}
_COST = ("seconds", "device", "devices", "validation_loss", "versions")


def export_model(checkpoint: Path, settings: TrainingSettings, path: Path) -> ModelCard:
    """Write the (averaged) weights of a training checkpoint, and their card, to `path`.

    The checkpoint is read without executing anything in it.

    Raises
    ------
    CheckpointError
        If the checkpoint is not one of `train`, or of another network.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if RECORD not in state:
        raise CheckpointError(f"{checkpoint} is no checkpoint of `aiida-hpaint train`")
    weights = {
        key.removeprefix(_PREFIX): value
        for key, value in state["state_dict"].items()
        if key.startswith(_PREFIX)
    }
    network = build_network(settings)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint} is of another network: {error}") from error
    card = ModelCard(
        name=settings.name,
        architecture=settings.network.architecture,
        network=settings.network.model_dump(mode="json", exclude={"architecture"}),
        noise=settings.noise,
        sampling=settings.recommended,
        description=settings.description,
        data={**settings.about_data, **state[RECORD]["data"]},
        training=_about_training(settings, state),
    )
    return save_model(network, card, path)


def _about_training(settings: TrainingSettings, state: dict[str, Any]) -> dict[str, Any]:
    record = state[RECORD]
    return {
        **settings.model_dump(mode="json", exclude=_ELSEWHERE),
        "steps_done": state["global_step"],
        **{key: record[key] for key in _COST},
    }
