"""Export of a training checkpoint as a model with its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard
from aiida_hpaint.science.diffusion.models.checkpoints import save_model
from aiida_hpaint.science.diffusion.training.initial_network import (
    build_network,
    make_initial_network,
)
from aiida_hpaint.science.diffusion.training.run_record import read_record
from aiida_hpaint.science.diffusion.training.settings import TrainingSettings

_PREFIX = "network."
_NOT_ON_THE_CARD = {
    "network",
    "noise",
    "sampling",
    "data",
    "validation",
    "held_out",
    "held_out_by",
    "output",
    "name",
    "description",
    "about_data",
}
_COST = ("seconds", "device", "devices", "validation_loss", "versions")


def export_model(checkpoint: Path, settings: TrainingSettings, path: Path) -> ModelCard:
    """Write the (averaged) weights of a training checkpoint, and their card, to `path`.

    Nothing in the checkpoint is executed.

    Raises
    ------
    CheckpointError
        If the checkpoint was not written by `train`, or is of another network.
    """
    record = read_record(checkpoint)
    weights = {
        key.removeprefix(_PREFIX): value
        for key, value in record["weights"].items()
        if key.startswith(_PREFIX)
    }
    network = build_network(settings)
    try:
        network.load_state_dict(weights)
        _average_with_initial_model(network, settings)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint} is of another network: {error}") from error
    card = ModelCard(
        name=settings.name,
        architecture=settings.network.architecture,
        network=settings.network.model_dump(mode="json", exclude={"architecture"}),
        noise=settings.noise,
        sampling=settings.recommended,
        description=settings.description,
        data={**settings.about_data, **record["data"]},
        training=_describe_training(settings, record),
    )
    return save_model(network, card, path)


def _average_with_initial_model(network: nn.Module, settings: TrainingSettings) -> None:
    """Average the weights of a network with those of the model that its training started from.

    The average is often better than the model before and after training on more data (Wortsman et
    al., arXiv:2109.01903, eq. 1).
    """
    if not settings.initial_share:
        return
    start = make_initial_network(settings).state_dict()
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.lerp_(start[name].to(value), settings.initial_share)


def _describe_training(settings: TrainingSettings, record: dict[str, Any]) -> dict[str, Any]:
    return {
        **settings.model_dump(mode="json", exclude=_NOT_ON_THE_CARD),
        "steps_done": record["steps"],
        **{key: record[key] for key in _COST},
    }
