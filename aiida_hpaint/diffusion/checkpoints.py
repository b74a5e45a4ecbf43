"""Models on disk: weights as safetensors, everything else on a JSON card beside them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from aiida_hpaint.diffusion.networks.base import ScoreNetwork
from aiida_hpaint.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.diffusion.noise import NoiseSettings
from aiida_hpaint.settings import Device, Settings

ARCHITECTURES = {"dense": (DenseNetwork, DenseNetworkSettings)}


class CheckpointError(ValueError):
    """A model that cannot be used; the message says which, why and what to do."""


class ModelCard(Settings):
    """What a model is, where it comes from and how good it was found to be."""

    name: str
    architecture: str = Field(description=f"one of {', '.join(ARCHITECTURES)}")
    network: dict[str, Any] = Field(description="size of the network")
    noise: NoiseSettings
    sha256: str = Field("", description="of the safetensors file")
    description: str = ""
    data: dict[str, Any] = Field({}, description="what it was trained on, with licence")
    training: dict[str, Any] = Field({}, description="settings and cost of the training")
    accuracy: list[dict[str, Any]] = Field(
        [], description="measured figures, each with its command"
    )


@dataclass(frozen=True)
class Model:
    """A network ready to be evaluated, and its card."""

    network: ScoreNetwork
    card: ModelCard
    device: torch.device
    dtype: torch.dtype


def save_model(network: nn.Module, card: ModelCard, path: Path) -> ModelCard:
    """Write `path` (.safetensors) and its card (.json); returns the card with its hash."""
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    card = card.model_copy(update={"sha256": file_hash(path)})
    path.with_suffix(".json").write_text(card.model_dump_json(indent=2) + "\n")
    return card


def list_models() -> list[ModelCard]:
    """Cards of the models that come with the package."""
    return [read_card(path) for path in sorted(_folder().glob("*.json"))]


def find_model(name: str) -> Path:
    """The safetensors file of a bundled model, or of a path to it or to its card.

    Raises
    ------
    CheckpointError
        If there is no such model.
    """
    bundled = _folder() / f"{name}.safetensors"
    if "/" not in name and bundled.is_file():
        return bundled
    path = Path(name).with_suffix(".safetensors")
    if path.is_file():
        return path
    known = ", ".join(card.name for card in list_models())
    raise CheckpointError(
        f"no model '{name}': neither a bundled model ({known}) nor a file {path}; "
        "see `aiida-hpaint models list`"
    )


def read_card(path: Path) -> ModelCard:
    """The card beside a safetensors file (or the card itself).

    Raises
    ------
    CheckpointError
        If it is missing or not a card.
    """
    card = path.with_suffix(".json")
    if not card.is_file():
        raise CheckpointError(f"{path} has no card: put {card.name} beside it, as training does")
    try:
        return ModelCard.model_validate_json(card.read_text())
    except ValidationError as error:
        raise CheckpointError(f"{card} is not a model card: {error}") from error


def load_model(name: str, device: Device = "auto", dtype: torch.dtype = torch.float64) -> Model:
    """A bundled model by name, or a model file by path; nothing in it is executed.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, or of an architecture or size that the card does not name.
    """
    return _load(find_model(name), select_device(device), dtype)


@lru_cache(maxsize=4)
def _load(path: Path, device: torch.device, dtype: torch.dtype) -> Model:
    card = read_card(path)
    if file_hash(path) != card.sha256:
        raise CheckpointError(
            f"{path} does not have the sha256 of its card ({card.sha256[:12]}...): "
            "fetch or export it again"
        )
    network = _build(card)
    _fill(network, path)
    network.to(device, dtype).eval().requires_grad_(False)
    return Model(network, card, device, dtype)


def _build(card: ModelCard) -> DenseNetwork:
    if card.architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"model '{card.name}' is of architecture '{card.architecture}'; this version knows "
            f"{', '.join(ARCHITECTURES)}: update aiida-hpaint or choose another model"
        )
    network, settings = ARCHITECTURES[card.architecture]
    return network(settings.model_validate(card.network))


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


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _folder() -> Path:
    return Path(str(resources.files("aiida_hpaint.diffusion") / "models"))
