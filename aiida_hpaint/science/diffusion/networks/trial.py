"""A trial of the compiled loops: a small network, which torch evaluates, too."""

from __future__ import annotations

import ctypes

import torch

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.science.diffusion.networks.layers import CompiledCrystals, CompiledLayers

__all__ = ["is_right"]

_SITES = 21
"""More than one chunk of neighbours, and no multiple of what is taken at once."""


@torch.no_grad()
def is_right(loops: ctypes.CDLL) -> bool:
    """Return whether the loops make of noisy crystals what torch does.

    In one of them some sites move, in one none, in one all; pairs have several images, one or none.
    """
    settings = DenseNetworkSettings(width=32, layers=3, radial=16, heads=10, cutoff=4.0)
    numbers = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        network = DenseNetwork(settings).double().eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape, generator=numbers, dtype=torch.float64))
    crystals = Crystals(
        numbers=torch.arange(1, _SITES + 1).expand(3, -1),
        unknown=torch.arange(_SITES) >= torch.tensor([[15], [_SITES], [0]]),
        frac=torch.rand(3, _SITES, 3, generator=numbers, dtype=torch.float64),
        cells=torch.diag(torch.tensor([3.0, 5.0, 12.0], dtype=torch.float64)).expand(3, -1, -1),
        carried=torch.zeros(3, _SITES, dtype=torch.int64),
    )
    levels = 0.5 * crystals.unknown.double()
    prepared = CompiledCrystals(CompiledLayers(network, loops), crystals)
    found, expected = network(crystals, levels, prepared), network(crystals, levels)
    moved = crystals.unknown[..., None]
    return bool(torch.allclose(found, torch.where(moved, expected, 0.0), rtol=1e-9, atol=1e-9))
