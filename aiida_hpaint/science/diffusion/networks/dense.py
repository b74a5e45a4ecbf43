"""DenseNetwork: a small equivariant score network on dense periodic kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.lattice import list_image_translations
from aiida_hpaint.science.diffusion.networks.base import MOST, WIDEST
from aiida_hpaint.science.diffusion.networks.kernels import (
    PairImages,
    RadialBasis,
    compute_kernels,
    find_pair_images,
)
from aiida_hpaint.science.diffusion.networks.layers import (
    CompiledCrystals,
    find_loops,
    read_layers,
)
from aiida_hpaint.science.settings import Settings

BYTES_PER_IMAGE = 1000
"""Memory of one image of a pair of sites, at the peak of an evaluation in double precision."""


class DenseNetworkSettings(Settings):
    """Size of a `DenseNetwork`."""

    width: int = Field(
        128, ge=8, le=WIDEST, description="channels of a site, scalar and vector alike"
    )
    layers: int = Field(4, ge=1, le=MOST)
    radial: int = Field(16, ge=2, le=WIDEST, description="radial functions")
    heads: int = Field(12, ge=1, le=WIDEST, description="channels mixed by each radial function")
    cutoff: float = Field(6.5, gt=0, description="Å")
    budget: int = Field(
        0,
        ge=0,
        le=WIDEST,
        description="largest number of inserted sites carried by a known site that is told from "
        "larger ones; 0: such budgets are no input",
    )


@dataclass(frozen=True)
class Prepared:
    """Geometry that does not change while unknown sites move.

    Attributes
    ----------
    moving
        Pairs with an unknown site, whose kernels are computed at each evaluation.
    fixed : (B, R, 4, N, N)
        Kernels of all other pairs.
    """

    moving: PairImages
    fixed: Tensor


class DenseNetwork(nn.Module):
    """Network that estimates the noise of sites from scalar and vector features of all sites.

    The layers mix features through image-summed kernels (`compute_kernels`) and update them as in
    PaiNN (Schuett, Unke, Gastegger, arXiv:2102.03150, eqs. 8 to 10, on kernels instead of edges).
    A learned vector marks known sites in place of an embedded noise level. Where a budget says how
    many inserted sites a known site carries, another one is added for this number.
    """

    frequencies: Tensor

    def __init__(self, settings: DenseNetworkSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or DenseNetworkSettings()
        width = self.settings.width
        self.basis = RadialBasis(self.settings.radial, self.settings.cutoff)
        self.species = nn.Embedding(119, width)
        self.known = nn.Parameter(torch.zeros(width))
        if self.settings.budget:
            self.budgets = nn.Embedding(self.settings.budget + 2, width, padding_idx=0)
            # Zeros leave the estimates of a model without budgets as they are.
            nn.init.zeros_(self.budgets.weight)
        self.level = nn.Sequential(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(
            DenseLayer(self.settings, first=index == 0) for index in range(self.settings.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.vectors = nn.Linear(width, width, bias=False)
        self.gate = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.readout = nn.Linear(width, 1, bias=False)
        self.register_buffer("frequencies", torch.linspace(0.3, 4, 16), persistent=False)

    def prepare(self, crystals: Crystals) -> Prepared | CompiledCrystals:
        """Find the pairs with an unknown site, and compute the kernels of all other pairs.

        On a CPU compiled loops do the same where they can; they estimate no noise of known sites.
        """
        loops = find_loops(self)
        if loops is not None and crystals.frac.dtype == torch.float64:
            return CompiledCrystals(read_layers(self, loops), crystals)
        pairs = find_pair_images(crystals, self.settings.cutoff)
        unknown = crystals.unknown
        moves = unknown[pairs.structure, pairs.first] | unknown[pairs.structure, pairs.second]
        fixed = compute_kernels(crystals, pairs.choose(~moves), self.basis)
        return Prepared(moving=pairs.choose(moves), fixed=fixed)

    def forward(
        self,
        crystals: Crystals,
        noise_levels: Tensor,
        prepared: Prepared | CompiledCrystals | None = None,
    ) -> Tensor:
        """Estimate noise (B, N, 3), Cartesian and dimensionless; see `ScoreNetwork`."""
        scalars = self.species(crystals.numbers) + self._embed(noise_levels)
        if self.settings.budget:
            largest = self.settings.budget + 1
            scalars = scalars + self.budgets(crystals.carried.clamp(max=largest))
        if isinstance(prepared, CompiledCrystals):
            scalars, vectors = prepared.pass_layers(crystals, scalars)
            noise = noise_levels.new_zeros(noise_levels.numel(), 3)
            noise[prepared.unknown] = self._read(scalars[None], vectors[None])[0]
            noise = noise.view(*noise_levels.shape, 3)
        else:
            noise = self._read(*self._pass_layers(crystals, scalars, prepared))
        # Far above 1 Å positions are uniform in the cell, and the expected noise, an average over
        # many images, is small: without the factor the readout would have to learn that.
        scale = torch.sqrt(1 + noise_levels.square())
        return noise.to(noise_levels.dtype) / scale[..., None]

    def _pass_layers(
        self, crystals: Crystals, scalars: Tensor, prepared: Prepared | None
    ) -> tuple[Tensor, Tensor]:
        """Return scalars (B, N, W) and vectors (B, N, 3, W) after all layers."""
        kernels = self._kernels(crystals, prepared)
        size, width = crystals.numbers.shape
        radial = kernels[:, :, 0].contiguous()
        directed = kernels[:, :, 1:].reshape(size, -1, 3 * width, width)
        vectors = scalars.new_zeros(0)
        for layer in self.layers:
            scalars, vectors = layer(scalars, vectors, radial, directed)
        return scalars, vectors

    def _kernels(self, crystals: Crystals, prepared: Prepared | None) -> Tensor:
        if prepared is None:
            return compute_kernels(
                crystals, find_pair_images(crystals, self.basis.cutoff), self.basis
            )
        moving = compute_kernels(crystals, prepared.moving, self.basis)
        return prepared.fixed + moving

    def memory(self, sites: int, cell: NDArray[np.float64]) -> float:
        """Estimate the bytes that evaluating a structure takes; see `ScoreNetwork`."""
        if find_loops(self) is not None:
            # Each pair has its row of kernels, each site its features and what it sends.
            row, mixed = 4 * self.settings.radial, self.settings.radial * self.settings.heads
            return 8.0 * sites * (sites * row + 4 * self.settings.width + 5 * mixed)
        images = len(list_image_translations(cell, self.settings.cutoff))
        return sites * sites * images / 2 * BYTES_PER_IMAGE

    def _embed(self, noise_levels: Tensor) -> Tensor:
        # Levels span two orders of magnitude: frequencies in their logarithm resolve all of them.
        phases = noise_levels.clamp(min=1e-3).log()[..., None] * self.frequencies
        embedded = self.level(torch.cat([phases.sin(), phases.cos()], -1))
        # A level of 0 is no small level but a statement: the position is known (TD-Paint).
        noisy = (noise_levels > 0)[..., None]
        return torch.where(noisy, embedded, self.known.expand_as(embedded))

    def _read(self, scalars: Tensor, vectors: Tensor) -> Tensor:
        vectors = self.vectors(vectors)
        gates = self.gate(torch.cat([self.norm(scalars), lengths(vectors)], -1))
        return torch.as_tensor(self.readout(vectors * gates[:, :, None])[..., 0])


class DenseLayer(nn.Module):
    """Layer that passes messages through the kernels, then updates each site by itself."""

    def __init__(self, settings: DenseNetworkSettings, first: bool) -> None:
        super().__init__()
        width, mixed = settings.width, settings.radial * settings.heads
        self.shape = (settings.radial, settings.heads)
        self.first = first
        self.norm = nn.LayerNorm(width)
        self.send = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * mixed))
        self.collect = nn.Linear(mixed, width)
        if not first:
            self.send_vectors = nn.Linear(width, mixed, bias=False)
        self.collect_vectors = nn.Linear(mixed if first else 2 * mixed, width, bias=False)
        self.pairing = nn.Linear(width, 2 * width, bias=False)
        self.update = nn.Sequential(
            nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 3 * width)
        )
        # The update of each site starts at zero, so that an untrained layer only passes messages.
        last = self.update[2]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self, scalars: Tensor, vectors: Tensor, radial: Tensor, directed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return new scalars (B, N, W) and vectors (B, N, 3, W); the first layer gets no vectors.

        Parameters
        ----------
        radial : (B, R, N, N) isotropic kernels.
        directed : (B, R, 3 N, N) kernels weighted with unit vectors, one block of rows an axis.
        """
        size, sites, _ = scalars.shape
        sent = self.send(self.norm(scalars)).view(size, sites, 2, *self.shape)
        isotropic, directional = sent.permute(2, 0, 3, 1, 4)
        turned = self._gather(directed @ directional)
        if self.first:
            received, messages = radial @ isotropic, turned
        else:
            received, carried = self._mix(isotropic, vectors, radial)
            messages = torch.cat([turned, carried], -1)
        scalars = scalars + self.collect(received.transpose(1, 2).reshape(size, sites, -1))
        change = self.collect_vectors(messages)
        return self._update(scalars, change if self.first else vectors + change)

    def _mix(self, isotropic: Tensor, vectors: Tensor, radial: Tensor) -> tuple[Tensor, Tensor]:
        """Pass scalar and vector features through the isotropic kernels in one product."""
        size, sites = vectors.shape[:2]
        functions, heads = self.shape
        sent = self.send_vectors(vectors).view(size, sites, 3, functions, heads)
        sent = sent.permute(0, 3, 1, 2, 4).reshape(size, functions, sites, 3 * heads)
        mixed = radial @ torch.cat([isotropic, sent], -1)
        carried = mixed[..., heads:].reshape(size, functions, sites, 3, heads)
        carried = carried.permute(0, 2, 3, 1, 4).reshape(size, sites, 3, -1)
        return mixed[..., :heads], carried

    def _gather(self, turned: Tensor) -> Tensor:
        """Reorder (B, radial, 3 N, heads) to (B, N, 3, radial * heads)."""
        size, functions, rows, heads = turned.shape
        split = turned.view(size, functions, 3, rows // 3, heads)
        return split.permute(0, 3, 2, 1, 4).reshape(size, rows // 3, 3, functions * heads)

    def _update(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        left, right = self.pairing(vectors).chunk(2, -1)
        features = torch.cat([self.norm(scalars), lengths(right)], -1)
        shift, scale, gate = self.update(features).chunk(3, -1)
        scalars = scalars + shift + scale * (left * right).sum(2)
        return scalars, vectors + gate[:, :, None] * left


def lengths(vectors: Tensor) -> Tensor:
    """Return the lengths (B, N, W) of vectors (B, N, 3, W), with finite gradients at zero."""
    return torch.sqrt(vectors.square().sum(2) + 1e-6)
