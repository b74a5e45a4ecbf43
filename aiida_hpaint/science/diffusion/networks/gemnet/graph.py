"""The graph that GemNet passes messages on: each site's nearest neighbours, both ways."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.networks.gemnet.candidates import Candidates, positions, squares
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

TIE = 1e-4
"""Å; neighbours whose distances differ by less are of one shell."""
SAME = 1e-4
"""Å^2; a site closer than this is the site itself."""


@dataclass(frozen=True)
class Graph:
    """E directed edges among A sites, ordered by the site that they end at.

    Attributes
    ----------
    source, target : (E,) sites that each edge starts and ends at.
    distance : (E,) Å.
    direction : (E, 3) unit vectors from source to target.
    swap : (E,) the same edges in the opposite direction.
    slot : (E,) places of the edges in tables of `width` places for each site.
    sites, width : A, and the most edges that end at one site.
    """

    source: Tensor
    target: Tensor
    distance: Tensor
    direction: Tensor
    swap: Tensor
    slot: Tensor
    sites: int
    width: int

    def table(self, edges: Tensor) -> Tensor:
        """(A, width, C) from (E, C): the edges that end at each site, then zeros."""
        places = edges.new_zeros(self.sites * self.width, edges.shape[1])
        filled = places.index_copy(0, self.slot, edges)
        return filled.view(self.sites, self.width, edges.shape[1])

    def total(self, edges: Tensor) -> Tensor:
        """(A, C) sums over the edges that end at each site, from (E, C)."""
        if edges.is_cuda:  # atomic additions would give another sum each time
            return self.table(edges).sum(1)
        sums = edges.new_zeros(self.sites, edges.shape[1])
        return sums.index_add(0, self.target, edges)


def build_graph(crystals: Crystals, candidates: Candidates, settings: GemNetSettings) -> Graph:
    """Edges between the sites where they are now.

    Edges within the cutoff to the nearest neighbours of each site are found; of both directions
    only that from the earlier to the later site (or, between images of one site, from the earlier
    cell) counts, and is mirrored: as in the Open Catalyst Project's GemNet, and MatterGen's.
    """
    place = positions(crystals, candidates)
    half = _select(place.detach(), candidates, settings)
    target, source = candidates.target[half], candidates.source[half]
    vector = place[target] - (place[source] + candidates.shift[half])
    distance = torch.linalg.vector_norm(vector, dim=-1)
    return _mirror(source, target, distance, vector / distance[:, None], len(place))


@torch.no_grad()
def _select(place: Tensor, candidates: Candidates, settings: GemNetSettings) -> Tensor:
    """(E / 2,) candidates that become edges."""
    square = squares(place, candidates)
    near = ((square <= settings.cutoff**2) & (square > SAME)).nonzero()[:, 0]
    square, target, source = square[near], candidates.target[near], candidates.source[near]
    rank = _ranks(square, target, len(place))
    if settings.ties == "index":
        kept = rank < settings.neighbours
    else:
        reach = square.new_full((len(place),), settings.cutoff)
        last = rank == settings.neighbours - 1
        reach[target[last]] = square[last].sqrt()
        kept = square.sqrt() <= torch.maximum(reach[target], reach[source]) + TIE
    earlier = (source < target) | ((source == target) & _precedes(candidates.image[near]))
    return near[kept & earlier]


def _ranks(square: Tensor, target: Tensor, sites: int) -> Tensor:
    """(P,) how many neighbours of its target each candidate comes after; ties by order."""
    order = torch.argsort(square, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    within = _places(target[order], sites)
    return torch.empty_like(order).index_copy_(0, order, within)


def _places(ordered: Tensor, sites: int) -> Tensor:
    """0, 1, ... within each run of equal entries of an ordered tensor."""
    counts = torch.bincount(ordered, minlength=sites)
    starts = torch.cumsum(counts, 0) - counts
    return torch.arange(len(ordered), device=ordered.device) - starts[ordered]


def _precedes(image: Tensor) -> Tensor:
    """Whether cells (P, 3) come before the cell 0 0 0."""
    x, y, z = image.unbind(-1)
    return (x < 0) | ((x == 0) & ((y < 0) | ((y == 0) & (z < 0))))


def _mirror(
    source: Tensor, target: Tensor, distance: Tensor, direction: Tensor, sites: int
) -> Graph:
    """The edges and their opposites, ordered by target."""
    sources, targets = torch.cat([source, target]), torch.cat([target, source])
    order = torch.argsort(targets, stable=True)
    numbers = torch.arange(len(order), device=order.device)
    renumbered = torch.empty_like(order).index_copy_(0, order, numbers)
    opposite = (order + len(source)) % max(len(order), 1)
    targets = targets[order]
    places = _places(targets, sites)
    width = int(places.max()) + 1 if len(places) else 0
    return Graph(
        source=sources[order],
        target=targets,
        distance=torch.cat([distance, distance])[order],
        direction=torch.cat([direction, -direction])[order],
        swap=renumbered[opposite],
        slot=targets * width + places,
        sites=sites,
        width=width,
    )
