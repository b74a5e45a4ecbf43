"""Pairs of sites within a cutoff, for many periodic cells at once, on any device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

CANDIDATES = 4_000_000
"""Pairs and images examined at once; limits the memory (about 100 bytes for each)."""


@dataclass(frozen=True)
class Pairs:
    """E directed pairs within the cutoff, every pair in both directions.

    Attributes
    ----------
    first, second : (E,) integers
        Sites, counted through the whole batch; sorted by structure and then by `first`.
    vectors : (E, 3) floats
        From `first` to the image of `second`, in Å, double precision.
    """

    first: torch.Tensor
    second: torch.Tensor
    vectors: torch.Tensor

    def choose(self, keep: BoolArray) -> Pairs:
        """Return the pairs for which `keep` (E,) is true."""
        chosen = torch.from_numpy(keep).to(self.first.device)
        return Pairs(self.first[chosen], self.second[chosen], self.vectors[chosen])

    def forces(self, gradient: torch.Tensor, sites: int) -> torch.Tensor:
        """Return (sites, 3) forces from the (E, 3) gradient of the energy by the vectors."""
        forces = gradient.new_zeros((sites, 3))
        forces.index_add_(0, self.first, gradient)
        return forces.index_add_(0, self.second, gradient, alpha=-1)

    def strain_derivatives(self, gradient: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """Return (S, 3, 3) derivatives of the energies by the strain, in eV.

        A strain turns each vector r into r + r e, so that the derivative is the sum of the products
        of vectors and gradient; rounding alone makes it differ from its transpose.

        Parameters
        ----------
        gradient : (E, 3) floats
            Derivative of the energy by the vectors, in eV/Å.
        counts : (S,) integers
            Sites of each structure.
        """
        structures = torch.arange(len(counts), device=counts.device)
        owners = torch.repeat_interleave(structures, counts)[self.first]
        products = self.vectors[:, :, None] * gradient.to(self.vectors.dtype)[:, None, :]
        sums = products.new_zeros((len(counts), 3, 3)).index_add_(0, owners, products)
        return (sums + sums.mT) / 2


def find_pairs(
    positions: FloatArray,
    cells: FloatArray,
    site_counts: IntArray,
    cutoff: float,
    device: str = "cpu",
    moving: BoolArray | None = None,
) -> Pairs:
    """Find all pairs of sites closer than `cutoff`, periodic images included.

    Differences of fractional coordinates are wrapped to [-1/2, 1/2]; an image with the lattice
    translation k can then be closer than the cutoff only if |k_a| <= cutoff / h_a + 1/2, where
    h_a is the distance of the lattice planes, so all of them are tried. Structures with equal
    numbers of sites and of images are treated together.

    Parameters
    ----------
    positions : (N, 3) floats
        Cartesian coordinates in Å.
    cells : (S, 3, 3) floats
        Lattice vectors as rows, in Å.
    site_counts : (S,) integers
        Sites of each structure.
    cutoff : float
        In Å.
    device : string
        Device of the tensors.
    moving : (N,) booleans, optional
        Only pairs are found whose first site is one of these, equally many in all structures.
    """
    starts = np.concatenate([[0], np.cumsum(site_counts)[:-1]]).astype(np.int64)
    reach = find_image_reach(cells, cutoff)
    placed = torch.from_numpy(np.ascontiguousarray(positions, dtype=np.float64)).to(device)
    lattices = torch.from_numpy(np.ascontiguousarray(cells, dtype=np.float64)).to(device)
    found: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for group in _group_alike(site_counts, reach):
        sites = int(site_counts[group[0]])
        shape = torch.from_numpy(starts[group]).to(device)[:, None] + torch.arange(
            sites, device=device
        )
        axes = [torch.arange(-int(m), int(m) + 1, dtype=torch.float64) for m in reach[group[0]]]
        translations = torch.cartesian_prod(*axes).to(device)
        index = torch.from_numpy(group).to(device)
        firsts = shape
        if moving is not None:
            chosen = torch.from_numpy(moving).to(device)[shape]
            firsts = shape[chosen].view(len(group), int(chosen[0].sum()))
        found.append(_find_in_group(placed, lattices[index], firsts, shape, translations, cutoff))
    return _merge(found, device)


def find_image_reach(cells: FloatArray, cutoff: float) -> IntArray:
    """Return the (S, 3) largest lattice translations of a wrapped pair within the cutoff."""
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(cells), axis=1)
    reach: IntArray = np.floor(cutoff / spacing + 0.5 + 1e-9).astype(np.int64)
    return reach


def _group_alike(site_counts: IntArray, reach: IntArray) -> list[IntArray]:
    """Group structures with equal numbers of sites and images, in portions of bounded memory."""
    keys = np.column_stack([site_counts, reach])
    _, inverse = np.unique(keys, axis=0, return_inverse=True)
    groups: list[IntArray] = []
    for key in range(int(inverse.max(initial=-1)) + 1):
        members = np.flatnonzero(inverse.ravel() == key).astype(np.int64)
        images = int(np.prod(2 * reach[members[0]] + 1))
        portion = max(1, CANDIDATES // max(1, images * int(site_counts[members[0]]) ** 2))
        groups.extend(members[i : i + portion] for i in range(0, len(members), portion))
    return groups


def _find_in_group(
    positions: torch.Tensor,
    lattices: torch.Tensor,
    firsts: torch.Tensor,
    sites: torch.Tensor,
    translations: torch.Tensor,
    cutoff: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return first site, second site and vector of each pair, for structures of equal size."""
    inverse = torch.linalg.inv(lattices)
    between = (positions[sites] @ inverse)[:, None] - (positions[firsts] @ inverse)[:, :, None]
    between = (between - torch.round(between)) @ lattices[:, None]
    images = translations @ lattices
    vectors = between[:, :, :, None, :] + images[:, None, None, :, :]
    squares = vectors.square().sum(-1)
    # A site is not its own neighbour, but its images are. No real pair is closer than 1e-6 Å.
    inside = (squares < cutoff * cutoff) & (squares > 1e-12)
    which, first, second, image = inside.nonzero(as_tuple=True)
    return firsts[which, first], sites[which, second], vectors[which, first, second, image]


def _merge(found: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]], device: str) -> Pairs:
    if not found:
        empty = torch.zeros(0, dtype=torch.int64, device=device)
        return Pairs(empty, empty, torch.zeros((0, 3), dtype=torch.float64, device=device))
    first, second, vectors = (torch.cat(parts) for parts in zip(*found, strict=True))
    if len(found) > 1:
        order = torch.argsort(first, stable=True)
        first, second, vectors = first[order], second[order], vectors[order]
    return Pairs(first, second, vectors)
