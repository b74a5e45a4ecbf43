"""Checkpoints as MatterGen's and XtalPaint's trainings leave them, of a small network."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from aiida_hpaint.science.diffusion.models.cards import FractionalNoiseSettings
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork

CONFIG = Path(__file__).parent / "mattergen_base.yaml"
MODULE = "lightning_module.diffusion_module"
MODEL = f"{MODULE}.model"
PREFIX = "diffusion_module.model."

SMALL = GemNetSettings(
    atom_width=8,
    edge_width=8,
    species_width=8,
    latent_width=8,
    blocks=2,
    radial=6,
    triplet_width=4,
    rbf_width=3,
    cbf_width=3,
    bilinear_width=4,
)
_SMALL_CONFIG = {
    "hidden_dim": 8,
    "gemnet.atom_embedding.emb_size": 8,
    "gemnet.emb_size_atom": 8,
    "gemnet.emb_size_edge": 8,
    "gemnet.latent_dim": 8,
    "gemnet.num_blocks": 2,
    "gemnet.num_radial": 6,
    "gemnet.emb_size_trip": 4,
    "gemnet.emb_size_rbf": 3,
    "gemnet.emb_size_cbf": 3,
    "gemnet.emb_size_bil_trip": 4,
}
_TD = "xtalpaint.time_dependent"
_TD_CONFIG = {
    "_target_": f"{_TD}.diffusion_module.TDDiffusionModule",
    "p_replace": 0.2,
    "t_replace": 0.001,
    "corruption.sdes.pos._target_": f"{_TD}.corruption.TDNumAtomsVarianceAdjustedWrappedVESDE",
    "corruption.sdes.cell": ...,
    "corruption.discrete_corruptions": ...,
    "model.denoise_atom_types": False,
    "model.gemnet._target_": f"{_TD}.gemnet.TDGemNetT",
    "model.gemnet.atom_embedding.with_mask_type": False,
}
"""What XtalPaint's configuration TD-paint.yaml changes of MatterGen's; ... removes."""


def base_config() -> dict[str, Any]:
    """The configuration of mattergen_base."""
    return yaml.safe_load(CONFIG.read_text())


def changed(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path, or without it for `...`; makes keys as needed."""
    config = copy.deepcopy(config)
    *branches, last = path.split(".")
    node = config
    for key in branches:
        node = node.setdefault(key, {})
    node.pop(last, None)
    if value is not ...:
        node[last] = value
    return config


def small_config(time_for_each_site: bool = False) -> dict[str, Any]:
    """The configuration of a network of the size SMALL."""
    config = base_config()
    for path, value in _SMALL_CONFIG.items():
        config = changed(config, f"{MODEL}.{path}", value)
    return td_config(config) if time_for_each_site else config


def td_config(config: dict[str, Any] | None = None) -> dict[str, Any]:
    """A configuration of MatterGen as XtalPaint changes it for a time for each site."""
    config = config or base_config()
    for path, value in _TD_CONFIG.items():
        config = changed(config, f"{MODULE}.{path}", value)
    return config


def small_network(settings: GemNetSettings = SMALL) -> GemNetwork:
    """A network with weights that are always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return GemNetwork(settings, FractionalNoiseSettings())


def state_of(network: GemNetwork) -> dict[str, Tensor]:
    """Its tensors by the names that Lightning gives them, and others that trainings save."""
    state = {f"{PREFIX}{name}": tensor for name, tensor in network.state_dict().items()}
    return state | {"diffusion_module.MultiCorruption:0:atomic_numbers.schedule": torch.ones(3)}


def write_checkpoint(path: Path, state: dict[str, Tensor], **content: Any) -> Path:
    """A `.ckpt` file with what Lightning's trainer puts into one, and `content`."""
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(3)).sum().backward()
    optimizer.step()
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = {
        "epoch": 7,
        "global_step": 1234,
        "pytorch-lightning_version": "2.0.6",
        "state_dict": state,
        "loops": {"fit_loop": {"epoch_progress": {"total": {"ready": 8}}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.25), "dirpath": path}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [{"factor": 0.6, "mode_worse": float("inf")}],
        **content,
    }
    torch.save(saved, path)
    return path


def write_folder(
    folder: Path, config: dict[str, Any] | None = None, state: dict[str, Tensor] | None = None
) -> Path:
    """A folder as on the hub: `config.yaml` and `checkpoints/last.ckpt`."""
    state = state_of(small_network()) if state is None else state
    write_checkpoint(folder / "checkpoints" / "last.ckpt", state)
    (folder / "config.yaml").write_text(yaml.safe_dump(config or small_config()))
    return folder
