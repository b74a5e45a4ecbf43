"""Our side of the comparison: the same questions as the oracle's, put to our network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.cards import FractionalNoiseSettings
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork, graph
from aiida_hpaint.science.diffusion.networks.gemnet.candidates import (
    compute_positions,
    find_candidate_edges,
)
from aiida_hpaint.science.diffusion.noise import Noise

from .crystals import KNOWN_TIME, Case
from .references import Arrays, load
from .weights import fill

SEED = 3
SIZES: dict[str, dict[str, Any]] = {
    "full": {},
    "small": {
        "blocks": 2,
        "atom_width": 32,
        "edge_width": 32,
        "species_width": 32,
        "latent_width": 32,
        "triplet_width": 8,
        "bilinear_width": 8,
        "types": 100,
    },
}
SIZES_TO_SAMPLE = {"open": {**SIZES["small"], "cutoff": 6.0, "neighbours": 400}}
NOISE = FractionalNoiseSettings()
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def settings_of(size: str) -> GemNetSettings:
    """The settings of a size."""
    return GemNetSettings(known_time=KNOWN_TIME, **(SIZES | SIZES_TO_SAMPLE)[size])


def build(
    size: str, dtype: torch.dtype = torch.float32, tables: Arrays | None = None
) -> GemNetwork:
    """Our network with the oracle's weights, and with its tables (the recorded ones if None).

    The oracle makes its tables of rates and knots in single precision, where the last digit is
    the processor's choice. Its checkpoints hold them, so that a network which is loaded has them.
    """
    tables = tables or load("tables")
    network = GemNetwork(settings_of(size), NOISE)
    for name, buffer in network.named_buffers():
        buffer.copy_(torch.as_tensor(tables[f"{size}_{name}"]))
    network.to(dtype)
    fill(network, SEED)
    return network.eval().requires_grad_(False)


def to_crystals(cases: list[Case], dtype: torch.dtype, all_unknown: bool = True) -> Crystals:
    """Cases as one batch; of unknown sites alone our network says something."""
    return collate(
        [case.numbers for case in cases],
        [case.frac for case in cases],
        [case.cell for case in cases],
        [case.unknown | all_unknown for case in cases],
    ).to("cpu", dtype)


def levels_at(times: list[NDArray[np.float64]], crystals: Crystals) -> torch.Tensor:
    """Noise levels (B, N) of sites at given times; 0 where a site is shown as known."""
    noise = Noise(NOISE)
    low, high = noise.bounds(crystals.cells.double(), crystals.present.sum(1))
    padded = torch.zeros(crystals.numbers.shape, dtype=torch.float64)
    for row, values in enumerate(times):
        padded[row, : len(values)] = torch.as_tensor(values)
    levels = low[:, None] * (high / low)[:, None] ** padded
    return (levels * crystals.present * (padded != KNOWN_TIME)).to(crystals.frac)


@torch.no_grad()
def evaluate(
    network: Any, cases: list[Case], per_site: bool, dtype: torch.dtype, all_unknown: bool = True
) -> list[NDArray[np.floating]]:
    """What the oracle calls `pos`, of each case: minus the noise estimate."""
    crystals = to_crystals(cases, dtype, all_unknown)
    times = [
        case.site_times if per_site else np.full(len(case.numbers), case.time) for case in cases
    ]
    found = network(crystals, levels_at(times, crystals), network.prepare(crystals))
    return [-found[row, : len(case.numbers)].numpy() for row, case in enumerate(cases)]


def edges(case: Case, dtype: torch.dtype) -> torch.Tensor:
    """The edges (E, 5) that our network mirrors: source, target, image of the source."""
    settings, crystals = GemNetSettings(), to_crystals([case], dtype)
    candidates = find_candidate_edges(crystals, settings)
    half = graph._select(compute_positions(crystals, candidates), candidates, settings)
    source, target = candidates.source[half], candidates.target[half]
    return torch.cat([torch.stack([source, target], 1), candidates.image[half].long()], 1)
