"""Models on disk: weights as safetensors, everything else on a JSON card beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from aiida_hpaint.diffusion.cards import CheckpointError, ModelCard, file_hash, read_card
from aiida_hpaint.diffusion.crystals import Crystals
from aiida_hpaint.diffusion.library import find_model
from aiida_hpaint.diffusion.networks.base import ScoreNetwork
from aiida_hpaint.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.diffusion.networks.gemnet import GemNetSettings, GemNetwork
from aiida_hpaint.settings import Device, Precision

Network = DenseNetwork | GemNetwork


def _dense(card: ModelCard) -> Network:
    return DenseNetwork(DenseNetworkSettings.model_validate(card.network))


def _gemnet(card: ModelCard) -> Network:
    return GemNetwork(GemNetSettings.model_validate(card.network), card.noise)


_NETWORKS = {"dense": _dense, "gemnet": _gemnet}


@dataclass(frozen=True)
class Model:
    """A network ready to be evaluated, and its card."""

    network: ScoreNetwork
    card: ModelCard
    device: torch.device
    dtype: torch.dtype
    half: bool = False

    def estimate(self, crystals: Crystals, noise_levels: Tensor, prepared: Any) -> Tensor:
        """Noise estimate (B, N, 3) in the precision asked for; see `ScoreNetwork`."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return self.network(crystals, noise_levels, prepared).to(crystals.frac)


def save_model(network: nn.Module, card: ModelCard, path: Path) -> ModelCard:
    """Write `path` (.safetensors) and its card (.json); returns the card with its hash.

    Others may read or write the same model meanwhile: they see whole files, and the weights before
    their card.
    """
    # safetensors refuses tensors that share memory; GemNet's checkpoints name some of them twice
    weights = {name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        new = Path(folder) / path.name
        save_file(weights, new)
        card = card.model_copy(update={"sha256": file_hash(new)})
        new.with_suffix(".json").write_text(card.model_dump_json(indent=2) + "\n")
        new.replace(path)
        new.with_suffix(".json").replace(path.with_suffix(".json"))
    return card


def load_model(name: str, device: Device = "auto", precision: Precision = "auto") -> Model:
    """A bundled model by name, or a model file by path; nothing in it is executed.

    The precision `auto` is double for dense networks and single for the large ones; `bfloat16`
    keeps weights and positions in single precision and multiplies in half.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, or of an architecture or size that the card does not name.
    """
    return _load(find_model(name), select_device(device), precision)


@lru_cache(maxsize=4)
def _load(path: Path, device: torch.device, precision: Precision) -> Model:
    card = read_card(path)
    if precision == "auto":
        precision = "float64" if card.architecture == "dense" else "float32"
    dtype = torch.float64 if precision == "float64" else torch.float32
    if file_hash(path) != card.sha256:
        raise CheckpointError(
            f"{path} does not have the sha256 of its card ({card.sha256[:12]}...): "
            "fetch or export it again"
        )
    network = _build(card)
    _fill(network, path)
    network.to(device, dtype).eval().requires_grad_(False)
    return Model(network, card, device, dtype, half=precision == "bfloat16")


def _build(card: ModelCard) -> Network:
    if card.architecture not in _NETWORKS:
        raise CheckpointError(
            f"model '{card.name}' is of architecture '{card.architecture}'; this version knows "
            f"{', '.join(_NETWORKS)}: update aiida-hpaint or choose another model"
        )
    return _NETWORKS[card.architecture](card)


def _fill(network: nn.Module, path: Path) -> None:
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the network on its card: {error}") from error


def select_device(device: Device) -> torch.device:
    """The device that a setting stands for: `auto` is a GPU where there is one.

    Raises
    ------
    CheckpointError
        If 'cuda' is asked for where torch sees no GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckpointError("device 'cuda' was asked for, but torch sees no GPU: use 'auto'")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)
