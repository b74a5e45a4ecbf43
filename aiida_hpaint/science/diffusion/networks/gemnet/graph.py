"""Graph that GemNet passes messages on: each site's nearest neighbours, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.networks.gemnet.candidates import (
    Candidates,
    compute_positions,
    compute_squares,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

_TIE = 1e-4
"""Difference of distances in Å below which neighbours are of one shell."""
SAME = 1e-4
"""Squared distance in Å^2 below which a site is the site itself."""


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
        """Arrange edges (E, C) in a table (A, width, C): those that end at a site, then zeros."""
        places = edges.new_zeros(self.sites * self.width, edges.shape[1])
        filled = places.index_copy(0, self.slot, edges)
        return filled.view(self.sites, self.width, edges.shape[1])

    def total(self, edges: Tensor) -> Tensor:
        """Sum edges (E, C) over those that end at each site (A, C)."""
        if edges.is_cuda:
            # index_add is atomic on a GPU: the order of terms, and so the rounding, would change
            # from one evaluation to the next.
            return self.table(edges).sum(1)
        sums = edges.new_zeros(self.sites, edges.shape[1])
        return sums.index_add(0, self.target, edges)


def build_graph(crystals: Crystals, candidates: Candidates, settings: GemNetSettings) -> Graph:
    """Find the edges between the sites where they are now.

    They lead from the nearest neighbours of each site within the cutoff. "Is among the nearest" is
    not symmetric, but the network needs every edge in both directions. As in the GemNet of the
    Open Catalyst Project, and MatterGen's, the direction from the earlier to the later site (or,
    between images of one site, from the earlier cell) decides, and the other is its mirror image.
    """
    place = compute_positions(crystals, candidates)
    half = _select(place.detach(), candidates, settings)
    target, source = candidates.target[half], candidates.source[half]
    vector = place[target] - (place[source] + candidates.shift[half])
    distance = torch.linalg.vector_norm(vector, dim=-1)
    return _mirror(source, target, distance, vector / distance[:, None], len(place))


@torch.no_grad()
def _select(place: Tensor, candidates: Candidates, settings: GemNetSettings) -> Tensor:
    """Select the candidates (E / 2,) that become edges."""
    square = compute_squares(place, candidates)
    near = ((square <= settings.cutoff**2) & (square > SAME)).nonzero()[:, 0]
    square, target, source = square[near], candidates.target[near], candidates.source[near]
    rank = _count_nearer(square, target, len(place))
    if settings.ties == "index":
        # MatterGen cuts a shell of equally far neighbours in the middle, in the order of sites.
        kept = rank < settings.neighbours
    else:
        # The distance of the last neighbour, at either end, includes all of its shell.
        reach = square.new_full((len(place),), settings.cutoff)
        last = rank == settings.neighbours - 1
        reach[target[last]] = square[last].sqrt()
        kept = square.sqrt() <= torch.maximum(reach[target], reach[source]) + _TIE
    earlier = (source < target) | ((source == target) & _precedes(candidates.image[near]))
    return near[kept & earlier]


def _count_nearer(square: Tensor, target: Tensor, sites: int) -> Tensor:
    """Count the neighbours of its target that come before each candidate (P,); ties by order."""
    # Two stable sorts: by distance, then by target, which keeps distances in order within targets.
    order = torch.argsort(square, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    within = _number_within_runs(target[order], sites)
    return torch.empty_like(order).index_copy_(0, order, within)


def _number_within_runs(ordered: Tensor, sites: int) -> Tensor:
    """Count entries, 0, 1, ..., within each run of equal entries of an ordered tensor."""
    counts = torch.bincount(ordered, minlength=sites)
    starts = torch.cumsum(counts, 0) - counts
    return torch.arange(len(ordered), device=ordered.device) - starts[ordered]


def _precedes(image: Tensor) -> Tensor:
    """Return whether cells (P, 3) come before the cell 0 0 0."""
    x, y, z = image.unbind(-1)
    return (x < 0) | ((x == 0) & ((y < 0) | ((y == 0) & (z < 0))))


def _mirror(
    source: Tensor, target: Tensor, distance: Tensor, direction: Tensor, sites: int
) -> Graph:
    """Build the graph of edges and their opposites, ordered by target."""
    sources, targets = torch.cat([source, target]), torch.cat([target, source])
    order = torch.argsort(targets, stable=True)
    numbers = torch.arange(len(order), device=order.device)
    renumbered = torch.empty_like(order).index_copy_(0, order, numbers)
    # Before ordering, the opposite of an edge is half of the edges further.
    opposite = (order + len(source)) % max(len(order), 1)
    targets = targets[order]
    places = _number_within_runs(targets, sites)
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
