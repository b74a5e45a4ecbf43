"""Small networks and crystals that the tests of GemNet share."""

from __future__ import annotations

import numpy as np
import torch

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.cards import FractionalNoiseSettings
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork

Row = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

SMALL = GemNetSettings(
    atom_width=16,
    edge_width=24,
    species_width=12,
    latent_width=10,
    blocks=2,
    radial=20,
    triplet_width=8,
    rbf_width=6,
    cbf_width=5,
    bilinear_width=9,
    atom_layers=1,
    lattice=False,
    energy=False,
    types=0,
)


def make_network(**changes: object) -> GemNetwork:
    torch.manual_seed(0)
    settings = SMALL.model_copy(update=changes)
    return GemNetwork(settings, FractionalNoiseSettings()).double().eval()


def random_crystal(sites: int, seed: int, volume: float = 12.0) -> Row:
    rng = np.random.default_rng(seed)
    edge = (volume * sites) ** (1 / 3)
    cell = np.diag([0.9, 1.0, 1.1]) * edge + rng.normal(0, 0.08 * edge, (3, 3))
    unknown = np.arange(sites) >= sites // 2
    return rng.integers(1, 90, sites), rng.random((sites, 3)), cell, unknown


def rock_salt() -> Row:
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    frac = np.concatenate([corners, corners + np.array([0.5, 0, 0])]) % 1
    return np.repeat([11, 17], 4), frac, 5.64 * np.eye(3), np.arange(8) > 3


def batch(*rows: Row) -> Crystals:
    return collate(*(list(column) for column in zip(*rows, strict=True)))
