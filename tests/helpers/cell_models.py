"""A tiny GemNet with random weights and a lattice head, stored as a model that samples cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aiida_hpaint.science.diffusion.models.cards import (
    CellNoiseSettings,
    FractionalNoiseSettings,
    ModelCard,
    SamplingDefaults,
)
from aiida_hpaint.science.diffusion.models.checkpoints import save_model
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork

TINY: dict[str, Any] = {
    "atom_width": 8,
    "edge_width": 8,
    "species_width": 8,
    "latent_width": 8,
    "blocks": 1,
    "cutoff": 4.0,
    "neighbours": 24,
    "radial": 6,
    "triplet_width": 4,
    "rbf_width": 3,
    "cbf_width": 3,
    "bilinear_width": 4,
    "atom_layers": 1,
    "ties": "shell",
    "energy": False,
    "types": 0,
}


def write_cell_model(path: Path, *, cell: bool = True, lattice: bool = True) -> str:
    """Write a model, of which the card or the file may lack what cells need; return its path."""
    settings, noise = GemNetSettings(**{**TINY, "lattice": lattice}), FractionalNoiseSettings()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = GemNetwork(settings, noise)
    card = ModelCard(
        name=path.stem,
        architecture="gemnet",
        network=settings.model_dump(),
        noise=noise,
        cell=CellNoiseSettings(density=0.0577) if cell else None,
        sampling=SamplingDefaults(scheme="baseline", steps=10, corrector_steps=1),
    )
    save_model(network, card, path)
    return str(path)
