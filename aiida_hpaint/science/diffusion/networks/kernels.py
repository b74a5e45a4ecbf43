"""Dense kernels: radial functions summed over all periodic images, for every pair of sites.

In a cell of tens of sites most sites are neighbours of most others, often through several
images. Summing the images once per evaluation, into one dense matrix for each radial function,
turns every later message passing step into batched matrix products without gather or scatter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.lattice import list_image_translations

CLOSEST = 0.3
"""Distance in Å to which closer pairs are raised, as the logarithm diverges."""


class RadialBasis(nn.Module):
    """Gaussians in the logarithm of the distance, with a cosine cutoff.

    Scaled so that the sum over all neighbours of a site is of order one at solid densities.
    """

    centres: Tensor
    scales: Tensor

    def __init__(self, size: int, cutoff: float, first: float = 0.75, last: float = 6.0) -> None:
        super().__init__()
        centres = torch.linspace(math.log(first), math.log(last), size, dtype=torch.float64)
        spacing = float(centres[1] - centres[0])
        # Volume of the shell that a Gaussian covers, and its sites at a density of 0.055 per Å^3.
        shell = 4 * math.pi * centres.exp() ** 3 * (spacing * 1.8)
        neighbours = (0.055 * shell).clamp(min=1)
        self.cutoff = cutoff
        self.inverse_width = 1 / (1.1 * spacing)
        self.register_buffer("centres", centres.to(torch.get_default_dtype()), persistent=False)
        scales = neighbours**-0.75
        self.register_buffer("scales", scales.to(torch.get_default_dtype()), persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """Return functions (E, size) of distances (E,) in Å."""
        logs = distances.clamp(min=CLOSEST).log()
        logs = torch.maximum(logs, self.centres[0])[:, None]
        shape = torch.exp(-0.5 * ((logs - self.centres) * self.inverse_width) ** 2) * self.scales
        window = 0.5 * (1 + torch.cos(math.pi * distances / self.cutoff))
        return shape * window[:, None]


@dataclass(frozen=True)
class PairImages:
    """Pairs of sites (first <= second) of some structures, and the images of each pair.

    Attributes
    ----------
    structure, first, second : (P,)
        Structure and sites of each pair.
    pair : (I,)
        Pair that each image belongs to.
    translation : (I, 3)
        Translation of each image, Å.
    """

    structure: Tensor
    first: Tensor
    second: Tensor
    pair: Tensor
    translation: Tensor

    def choose(self, keep: Tensor) -> PairImages:
        """Return the pairs for which `keep` (P,) is True."""
        images = keep[self.pair]
        renumbered = torch.cumsum(keep, 0) - 1
        return PairImages(
            structure=self.structure[keep],
            first=self.first[keep],
            second=self.second[keep],
            pair=renumbered[self.pair[images]],
            translation=self.translation[images],
        )


def find_pair_images(crystals: Crystals, cutoff: float) -> PairImages:
    """Find all pairs that may be within the cutoff (Å) for some positions of the sites."""
    cells = crystals.cells.double().cpu().numpy()
    tables = [torch.as_tensor(list_image_translations(cell, cutoff)) for cell in cells]
    counts = torch.tensor([len(table) for table in tables])
    starts = torch.cumsum(counts, 0) - counts
    present = crystals.present.cpu()
    both = present[:, :, None] & present[:, None, :]
    structure, first, second = torch.triu(both).nonzero(as_tuple=True)
    repeats = counts[structure]
    pair = torch.repeat_interleave(torch.arange(len(structure)), repeats)
    within = torch.arange(len(pair)) - (torch.cumsum(repeats, 0) - repeats)[pair]
    translation = torch.cat(tables)[within + starts[structure][pair]]
    device, dtype = crystals.frac.device, crystals.frac.dtype
    return PairImages(
        structure.to(device),
        first.to(device),
        second.to(device),
        pair.to(device),
        translation.to(device, dtype),
    )


@torch.no_grad()
def compute_kernels(crystals: Crystals, pairs: PairImages, basis: RadialBasis) -> Tensor:
    """Compute kernels (B, R, 4, N, N): image sums of radial functions times {1, unit vector}.

    Entry [b, r, 0, i, j] sums the r-th radial function over the images of site j around site i;
    entries 1 to 3 weight each image with the unit vector from i to it. Pairs left out are zero.
    """
    size, width = crystals.numbers.shape
    # Half precision would round distances to about 0.01 Å.
    with torch.autocast(crystals.frac.device.type, enabled=False):
        rows = _pair_sums(crystals, pairs, basis)
    # The kernel of a pair seen from its other end is the same, with opposite unit vectors.
    mirrored = rows.clone()
    mirrored[:, :, 1:] *= -1
    kernels = rows.new_zeros(size, width, width, rows.shape[1], 4)
    kernels[pairs.structure, pairs.second, pairs.first] = mirrored
    kernels[pairs.structure, pairs.first, pairs.second] = rows
    return kernels.permute(0, 3, 4, 1, 2)


def _pair_sums(crystals: Crystals, pairs: PairImages, basis: RadialBasis) -> Tensor:
    """Return sums (P, R, 4) over the images of each pair."""
    first = crystals.frac[pairs.structure, pairs.first]
    second = crystals.frac[pairs.structure, pairs.second]
    shift = second - first
    shift = shift - shift.round()
    wrapped = torch.einsum("pa,pab->pb", shift, crystals.cells[pairs.structure])
    vectors = wrapped[pairs.pair] + pairs.translation
    squares = vectors.square().sum(1)
    # A site is no neighbour of itself, though all of its images are.
    near = ((squares < basis.cutoff**2) & (squares > 1e-6)).nonzero()[:, 0]
    vectors, distances = vectors[near], squares[near].sqrt()
    radial = basis(distances)
    units = vectors / distances.clamp(min=CLOSEST)[:, None]
    angular = torch.cat([torch.ones_like(units[:, :1]), units], 1)
    terms = radial[:, :, None] * angular[:, None, :]
    sums = terms.new_zeros(len(pairs.first), *terms.shape[1:])
    return torch.index_add(sums, 0, pairs.pair[near], terms)
