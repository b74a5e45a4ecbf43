"""Initial network of a training run: new, or that of an earlier model."""

from __future__ import annotations

from torch import nn

from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.models.checkpoints import load_model
from aiida_hpaint.science.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork
from aiida_hpaint.science.diffusion.training.settings import TrainingSettings


def make_initial_network(settings: TrainingSettings) -> nn.Module:
    """Build the network of the settings, with the weights of `initial_model` where there is one.

    Raises
    ------
    CheckpointError
        If that model cannot be used, or has another network or noise than the settings.
    """
    network = build_network(settings)
    if settings.initial_model is None:
        return network
    model = load_model(settings.initial_model, "cpu", "float32")
    wanted = settings.network.model_dump(mode="json", exclude={"architecture"})
    if model.card.architecture != settings.network.architecture or model.card.network != wanted:
        raise CheckpointError(
            f"the model '{settings.initial_model}' has another network than the settings: "
            "leave `network` out of them"
        )
    if model.card.noise != settings.noise:
        raise CheckpointError(
            f"the model '{settings.initial_model}' was trained with other noise than the "
            "settings have: leave `noise` out of them"
        )
    assert isinstance(model.network, nn.Module)
    network.load_state_dict(model.network.state_dict())
    return network


def build_network(settings: TrainingSettings) -> nn.Module:
    """Build the network of the settings, with new weights."""
    sizes = settings.network.model_dump(exclude={"architecture"})
    if settings.network.architecture == "gemnet":
        return GemNetwork(GemNetSettings(**sizes), settings.noise)
    return DenseNetwork(DenseNetworkSettings(**sizes))
