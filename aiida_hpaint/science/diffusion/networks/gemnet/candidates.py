"""Pairs of sites and images that may become edges, whatever unknown sites do.

A periodic neighbour list in the order and with the arithmetic of the Open Catalyst Project's
(which MatterGen uses): sums are formed in one fixed order, without fused operations, so that
neighbours which are equally far in a symmetric crystal are cut at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

SLACK = 0.01
"""Margin in Å^2 beyond the squared cutoff, above which pairs that do not move are dropped."""


@dataclass(frozen=True)
class Candidates:
    """P candidates for edges among the A sites of a batch, in the order that decides ties.

    Attributes
    ----------
    place : (A,) position of each site in the flattened (B * N) batch.
    structure : (A,) structure of each site.
    target, source : (P,) sites that an edge would end and start at.
    image : (P, 3) cell that the source lies in, as integers.
    shift : (P, 3) translation to that cell, Å.
    """

    place: Tensor
    structure: Tensor
    target: Tensor
    source: Tensor
    image: Tensor
    shift: Tensor


def find_candidate_edges(crystals: Crystals, settings: GemNetSettings) -> Candidates:
    """Find all candidates of a batch; only sites that are `unknown` may move afterwards."""
    cells, present = crystals.cells, crystals.present
    images, own = _list_images(cells, settings)
    number = torch.cumsum(present.flatten(), 0).view_as(present) - 1
    pairs = present[:, :, None] & present[:, None, :]
    structure, target, source, column = (pairs[..., None] & own[:, None, None]).nonzero().unbind(1)
    shifts = combine(images.expand(len(cells), -1, -1), cells[:, None])
    place = present.flatten().nonzero()[:, 0]
    found = Candidates(
        place=place,
        structure=place // present.shape[1],
        target=number[structure, target],
        source=number[structure, source],
        image=images[column].to(torch.int8),
        shift=shifts[structure, column],
    )
    return _drop_far(found, crystals, settings.cutoff)


def _drop_far(found: Candidates, crystals: Crystals, cutoff: float) -> Candidates:
    """Drop pairs that keep their distance if that is beyond the cutoff."""
    moves = crystals.unknown.flatten()[found.place]
    # A site and its own images keep their distance even if the site moves.
    fixed = ~(moves[found.target] | moves[found.source]) | (found.target == found.source)
    far = compute_squares(compute_positions(crystals, found), found) > cutoff**2 + SLACK
    keep = (~(fixed & far)).nonzero()[:, 0]
    return Candidates(
        found.place,
        found.structure,
        found.target[keep],
        found.source[keep],
        found.image[keep],
        found.shift[keep],
    )


def _list_images(cells: Tensor, settings: GemNetSettings) -> tuple[Tensor, Tensor]:
    """List images (C, 3) in lexicographic order, and a mask (B, C) of those a structure needs."""
    first, second, third = cells.unbind(1)
    normals = torch.stack([_cross(second, third), _cross(third, first), _cross(first, second)], 1)
    volumes = (first * normals[:, 0]).sum(-1).abs()
    spacings = volumes[:, None] / torch.linalg.vector_norm(normals, dim=-1)
    repeats = torch.ceil(settings.cutoff / spacings).clamp(max=settings.images)
    most = [int(count) for count in repeats.max(0).values]
    axes = [torch.arange(-count, count + 1, device=cells.device) for count in most]
    images = torch.cartesian_prod(*axes).to(cells)
    return images, (images.abs() <= repeats[:, None]).all(-1)


def _cross(left: Tensor, right: Tensor) -> Tensor:
    return torch.as_tensor(torch.linalg.cross(left, right, dim=-1))


def compute_positions(crystals: Crystals, candidates: Candidates) -> Tensor:
    """Compute Cartesian positions (A, 3), Å, of sites moved into the cell."""
    frac = crystals.frac.flatten(0, 1)[candidates.place]
    cell = frac.detach().floor()
    # A coordinate of exactly 1, which rounding may give, stays, as in MatterGen.
    frac = frac - torch.where(frac == 1, 0, cell)
    return combine(frac, crystals.cells[candidates.structure])


def compute_squares(positions: Tensor, candidates: Candidates) -> Tensor:
    """Compute squared distances (P,) of candidates, Å^2."""
    apart = positions[candidates.target] - (positions[candidates.source] + candidates.shift)
    x, y, z = apart.square().unbind(-1)
    return (x + y) + z


def combine(factors: Tensor, vectors: Tensor) -> Tensor:
    """Sum vectors (..., 3, 3), rows, times factors (..., 3), in a fixed order; returns (..., 3)."""
    first, second, third = (factors[..., axis, None] * vectors[..., axis, :] for axis in range(3))
    return (first + second) + third
