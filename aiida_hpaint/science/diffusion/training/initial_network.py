"""Initial network of a training run: new, or that of an earlier model."""

from __future__ import annotations

from torch import nn

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard
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
    if not _is_same_network(model.card, settings):
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
    found = model.network.state_dict()
    # New weights for budgets are zero: with them the network is at first the same as without.
    kept = {name: value for name, value in network.state_dict().items() if name not in found}
    network.load_state_dict({**kept, **found})
    return network


def _is_same_network(card: ModelCard, settings: TrainingSettings) -> bool:
    """Return whether a model has the network of the settings, which may add budgets to it."""
    wanted = settings.network.model_dump(mode="json", exclude={"architecture"})
    if card.architecture != settings.network.architecture:
        return False
    if card.architecture == "dense" and not card.network.get("budget"):
        return {**card.network, "budget": 0} == {**wanted, "budget": 0}
    return card.network == wanted


def build_network(settings: TrainingSettings) -> nn.Module:
    """Build the network of the settings, with new weights."""
    sizes = settings.network.model_dump(exclude={"architecture"})
    if settings.network.architecture == "gemnet":
        return GemNetwork(GemNetSettings(**sizes), settings.noise)
    return DenseNetwork(DenseNetworkSettings(**sizes))
