"""Models on disk: weights as safetensors, everything else on a JSON card beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard, read_card
from aiida_hpaint.science.diffusion.models.library import find_model
from aiida_hpaint.science.diffusion.networks.base import CellScoreNetwork, ScoreNetwork
from aiida_hpaint.science.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork
from aiida_hpaint.science.diffusion.networks.mattergen import MattergenNetwork, MattergenSettings
from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.settings import Device, Precision

_Network = DenseNetwork | GemNetwork | MattergenNetwork


def _dense(card: ModelCard) -> _Network:
    return DenseNetwork(DenseNetworkSettings.model_validate(card.network))


def _gemnet(card: ModelCard) -> _Network:
    settings = GemNetSettings.model_validate(card.network)
    with torch.device("meta"):  # random initial weights, which are overwritten, take seconds
        return GemNetwork(settings, card.noise)


def _mattergen(card: ModelCard) -> _Network:
    return MattergenNetwork(MattergenSettings.model_validate(card.network), card.noise)


_NETWORKS = {"dense": _dense, "gemnet": _gemnet, "mattergen": _mattergen}


@dataclass(frozen=True)
class Model:
    """A network that is ready for evaluation, and its card."""

    network: ScoreNetwork
    card: ModelCard
    device: torch.device
    dtype: torch.dtype
    half: bool = False

    def estimate(self, crystals: Crystals, noise_levels: Tensor, prepared: Any) -> Tensor:
        """Estimate the noise (B, N, 3) in the requested precision; see `ScoreNetwork`."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return self.network(crystals, noise_levels, prepared).to(crystals.frac)

    def estimate_with_cells(
        self, crystals: Crystals, noise_levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Estimate the noise of positions and cells; see `CellScoreNetwork`."""
        network = cast("CellScoreNetwork", self.network)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            noise, of_cells = network.estimate_with_cells(crystals, noise_levels)
        return noise.to(crystals.frac), of_cells.to(crystals.frac)


def save_model(network: nn.Module, card: ModelCard, path: Path) -> ModelCard:
    """Write `path` (.safetensors) and its card (.json); return the card with its hash.

    Other processes may read or write the same model at the same time: they only see complete
    files, and the weights before their card.
    """
    return save_weights(network.state_dict(), card, path)


def save_weights(weights: Mapping[str, Tensor], card: ModelCard, path: Path) -> ModelCard:
    """Write the tensors of a network that has not been built, like `save_model`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        new = Path(folder) / path.name
        # safetensors refuses tensors that share memory, which some of GemNet's do.
        save_file({name: tensor.contiguous().clone() for name, tensor in weights.items()}, new)
        card = card.model_copy(update={"sha256": hash_file(new)})
        # Cards of models in fixed cells are those of versions that knew no others.
        left_out = {"cell"} if card.cell is None else set[str]()
        text = card.model_dump_json(indent=2, exclude=left_out)
        new.with_suffix(".json").write_text(text + "\n")
        new.replace(path)
        new.with_suffix(".json").replace(path.with_suffix(".json"))
    return card


def load_model(name: str, device: Device = "auto", precision: Precision = "auto") -> Model:
    """Load a model by name or path; nothing in it is executed.

    The precision `auto` is double for dense networks and single for the large ones; `bfloat16`
    keeps weights and positions in single precision and multiplies in half precision.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, or of an architecture or size that the card does not name.
    """
    path = find_model(name)
    card = read_card(path)
    if precision == "auto":
        precision = "float64" if card.architecture == "dense" else "float32"
    return _load(path, card.model_dump_json(), hash_file(path), select_device(device), precision)


@lru_cache(maxsize=4)
def _load(
    path: Path, card_json: str, sha256: str, device: torch.device, precision: Precision
) -> Model:
    card = ModelCard.model_validate_json(card_json)
    dtype = torch.float64 if precision == "float64" else torch.float32
    if sha256 != card.sha256:
        raise CheckpointError(
            f"{path} does not have the sha256 of its card ({card.sha256[:12]}...): "
            "fetch or export it again"
        )
    network = _build(card)
    _fill(network, path)
    network.to(device, dtype).eval().requires_grad_(False)
    return Model(network, card, device, dtype, half=precision == "bfloat16")


def _build(card: ModelCard) -> _Network:
    if card.architecture not in _NETWORKS:
        raise CheckpointError(
            f"model '{card.name}' is of architecture '{card.architecture}'; this version supports "
            f"{', '.join(_NETWORKS)}: update aiida-hpaint or choose another model"
        )
    try:
        return _NETWORKS[card.architecture](card)
    except ValidationError as error:
        raise CheckpointError(f"the card of model '{card.name}' is not valid: {error}") from error


def _fill(network: nn.Module, path: Path) -> None:
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the network on its card: {error}") from error


def select_device(device: Device) -> torch.device:
    """Return the device of a setting: `auto` is a GPU if there is one.

    Raises
    ------
    CheckpointError
        If the setting is 'cuda' and torch finds no GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckpointError("device 'cuda' was asked for, but torch sees no GPU: use 'auto'")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)
