"""Guidance: inserted sites whose parents are known are sampled near these.

The network estimates where a noisy site belongs. What the budget of a host says, that the site is
bonded to a certain atom, adds a term to this estimate, as in the guidance of diffusion models by a
measurement (Song et al., ICLR 2023, "Pseudoinverse-guided diffusion models for inverse problems").
It is strong while noise is large, when the site could still go to another atom, and vanishes with
the noise, so that the network alone decides the length and the direction of the bond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.sampling.generators import SampleRequest
from aiida_hpaint.science.diffusion.sampling.noise_streams import NoiseStreams
from aiida_hpaint.science.types import BoolArray

TOLERANCE = 0.05
"""Noise level in Å at which the guidance has half of its strength."""

STEEPNESS = 4
"""Power of the ratio of a bond's length and the distance from the parent that sites are scaled by.
With 1 they would move onto the sphere of a bond's length, in the direction of the other atom."""


@dataclass(frozen=True)
class Guidance:
    """Parents of the guided sites of a batch, which are sites to insert.

    Attributes
    ----------
    masks : (B,) arrays (n,)
        True for the guided sites of each request.
    guided : (B, N)
        The same, padded.
    parents : (B, N, 3)
        Fractional coordinates of their parents.
    lengths : (B, N)
        Lengths of the bonds to these, Å.
    """

    masks: Sequence[BoolArray]
    guided: Tensor
    parents: Tensor
    lengths: Tensor

    @classmethod
    def create(cls, requests: Sequence[SampleRequest], clean: Crystals) -> Guidance:
        """Create the guidance of a batch."""
        masks = [request.guided for request in requests]
        guided = np.zeros(tuple(clean.numbers.shape), dtype=np.bool_)
        parents, lengths = np.zeros((*guided.shape, 3)), np.zeros(guided.shape)
        for row, (request, mask) in enumerate(zip(requests, masks, strict=True)):
            guided[row, : len(mask)] = mask
            parents[row, : len(mask)][mask] = request.frac[request.known_parents]
            lengths[row, : len(mask)][mask] = request.bond_lengths
        return cls(
            masks,
            torch.as_tensor(guided).to(clean.frac.device),
            torch.as_tensor(parents).to(clean.frac),
            torch.as_tensor(lengths).to(clean.frac),
        )

    def place(self, crystals: Crystals, streams: NoiseStreams) -> Crystals:
        """Return crystals with guided sites in random directions from their parents."""
        bonds = self.lengths[..., None] * normalize(streams.normal(self.masks), dim=-1)
        placed = self.parents + torch.linalg.solve(crystals.cells, bonds, left=False)
        frac = torch.remainder(placed, 1.0)
        return crystals.with_frac(torch.where(self.guided[..., None], frac, crystals.frac))

    def correct(self, crystals: Crystals, estimate: Tensor, levels: Tensor, axes: Tensor) -> Tensor:
        """Return the estimate of the noise after sites too far from their parents were pulled in.

        The denoised position of a guided site is the mean of all positions that it may have. The
        mean of positions at a bond's length from the parent is not farther than that, and it is
        closer where the direction of the bond is open. A position that is too far by some factor
        moves to where it is too close by a power of this factor: one just outside moves little,
        one near another atom says nothing about the direction and ends at the parent. Nor is the
        mean closer than it would be if all directions were equally likely, given the noisy
        position: among symmetric ones the network may not choose, and leave the site on its parent.

        Parameters
        ----------
        estimate : (B, N, 3) noise estimate of the network, along the axes of the noise.
        levels : (B,) noise level of each structure.
        axes : (B, 3, 3) see `Noise.axes`.
        """
        if not any(mask.any() for mask in self.masks):
            return estimate
        cells, level = crystals.cells, levels[:, None, None]
        denoised = crystals.frac - torch.linalg.solve(axes, level * estimate, left=False)
        bonds, noisy = (self._find_bonds(crystals, frac) for frac in (denoised, crystals.frac))
        found = torch.linalg.vector_norm(bonds, dim=-1)
        # Noise levels may be fractional; this one is in Å.
        volumes = torch.linalg.det(cells) / torch.linalg.det(axes)
        squared = (levels * volumes.abs() ** (1 / 3)).square()[:, None]
        strength = squared / (squared + TOLERANCE**2)
        excess = torch.where(
            self.guided, (1 - (self.lengths / found) ** STEEPNESS).clamp(min=0.0), 0.0
        )
        # Mean resultant length of the von Mises-Fisher distribution, that of noisy directions.
        sharpness = self.lengths * torch.linalg.vector_norm(noisy, dim=-1) / squared
        sharpness = sharpness.clamp(min=1e-3)  # at 0 both terms of the length are infinite
        least = self.lengths * (1 / torch.tanh(sharpness) - 1 / sharpness)
        lacking = torch.where(self.guided, (least - found).clamp(min=0.0), 0.0)
        pulls = lacking[..., None] * normalize(noisy, dim=-1) - excess[..., None] * bonds
        shifts = torch.linalg.solve(cells, strength[..., None] * pulls, left=False)
        corrected: Tensor = estimate - shifts @ axes / level
        return corrected

    def _find_bonds(self, crystals: Crystals, frac: Tensor) -> Tensor:
        """Return the shortest vectors (B, N, 3) in Å from the parents to positions."""
        shifts = frac - self.parents
        bonds: Tensor = (shifts - torch.round(shifts)) @ crystals.cells
        return bonds
