"""GemNet's interaction block: messages over pairs of edges that end at one site.

Gasteiger, Becker, Günnemann, GemNet (arXiv:2106.08903), section 5 and appendix; the variant with
direct forces and triplets only ("GemNet-dT") that the Open Catalyst Project and MatterGen use.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.networks.gemnet import scales
from aiida_hpaint.science.diffusion.networks.gemnet.bases import legendre
from aiida_hpaint.science.diffusion.networks.gemnet.graph import Graph
from aiida_hpaint.science.diffusion.networks.gemnet.layers import (
    Dense,
    PairDense,
    Residual,
    Scale,
    apply,
    he_orthogonal_,
    merge,
    product,
    stack,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings


@dataclass(frozen=True)
class Basis:
    """What all blocks know of the geometry.

    Attributes
    ----------
    triplet, atom, force : (E, R) projected radial functions for three uses.
    circular : (E, C, L) projected radial functions that meet the angles.
    angular : (A, L * K, K) functions of the angles between the edges that end at one site.
    """

    triplet: Tensor
    atom: Tensor
    force: Tensor
    circular: Tensor
    angular: Tensor


def angular_basis(graph: Graph, size: int) -> Tensor:
    """(A, size * K, K) spherical harmonics of all angles at each site; 0 for an edge and itself."""
    directions = graph.table(graph.direction)
    cosines = (directions @ directions.transpose(1, 2)).clamp(-1, 1)
    others = 1 - torch.eye(graph.width, dtype=cosines.dtype, device=cosines.device)
    return legendre(cosines, size, others).flatten(1, 2)


class Triplets(nn.Module):
    """Messages to each edge from the other edges that end at the same site."""

    def __init__(self, settings: GemNetSettings, block: int) -> None:
        super().__init__()
        edges, triplets = settings.edge_width, settings.triplet_width
        self.dense_ba = Dense(edges, edges, active=True)
        self.mlp_rbf = Dense(settings.rbf_width, edges)
        self.scale_rbf = Scale(scales.scale(scales.TRIPLET_RADIAL, block))
        self.mlp_cbf = Bilinear(triplets, settings.cbf_width, settings.bilinear_width)
        self.scale_cbf_sum = Scale(scales.scale(scales.TRIPLET_SUM, block))
        self.down_projection = Dense(edges, triplets, active=True)
        self.up_projection_ca = Dense(settings.bilinear_width, edges, active=True)
        self.up_projection_ac = Dense(settings.bilinear_width, edges, active=True)

    def forward(self, edges: Tensor, graph: Graph, basis: Basis) -> Tensor:
        """(E, W) from edges (E, W)."""
        radial = product(basis.triplet, self.scale_rbf(self.mlp_rbf.linear.weight))
        sent = self.down_projection(self.dense_ba(edges) * radial)
        received = self.scale_cbf_sum(self.mlp_cbf(sent, graph, basis))
        opposite = self.up_projection_ac(received).index_select(0, graph.swap)
        return merge(self.up_projection_ca(received), opposite)


class Bilinear(nn.Module):
    """Edges times circular basis, summed over the other edges of a site, then mixed."""

    def __init__(self, inputs: int, basis: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, basis, outputs))
        he_orthogonal_(self.weight)

    def forward(self, edges: Tensor, graph: Graph, basis: Basis) -> Tensor:
        """(E, O) from (E, I)."""
        inputs, functions, outputs = self.weight.shape
        angular = basis.circular.shape[2]
        sums = (basis.angular @ graph.table(edges)).view(graph.sites, angular, graph.width, inputs)
        sums = sums.transpose(1, 2).reshape(graph.sites * graph.width, angular, inputs)
        mixed = basis.circular @ sums.index_select(0, graph.slot)
        weight = self.weight.transpose(0, 1).reshape(functions * inputs, outputs)
        return product(mixed.reshape(len(mixed), functions * inputs), weight.t())


class AtomUpdate(nn.Module):
    """A change of each site from the edges that end at it."""

    def __init__(self, settings: GemNetSettings, factor: float) -> None:
        super().__init__()
        self.dense_rbf = Dense(settings.rbf_width, settings.edge_width)
        self.scale_sum = Scale(factor)
        self.layers = stack(settings.edge_width, settings.atom_width, settings.atom_layers)

    def forward(self, edges: Tensor, graph: Graph, radial: Tensor) -> Tensor:
        """(A, W) from edges (E, W) and projected radial functions (E, R)."""
        return apply(self.layers, self.scale_sum(graph.total(edges * self.dense_rbf(radial))))


class Interaction(nn.Module):
    """One block: edges from triplets, sites from edges, edges from sites."""

    def __init__(self, settings: GemNetSettings, block: int) -> None:
        super().__init__()
        width = settings.edge_width
        self.dense_ca = Dense(width, width, active=True)
        self.trip_interaction = Triplets(settings, block)
        self.layers_before_skip = _residuals(width, settings.before_skip)
        self.layers_after_skip = _residuals(width, settings.after_skip)
        self.atom_update = AtomUpdate(settings, scales.scale(scales.ATOM_SUM, block))
        self.concat_layer = PairDense(settings.atom_width, width, width)
        self.residual_m = _residuals(width, settings.concat)

    def forward(
        self, atoms: Tensor, edges: Tensor, graph: Graph, basis: Basis, wanted: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """New sites (A, W) and edges (E, W); of `wanted` edges alone where that is given."""
        change = merge(self.dense_ca(edges), self.trip_interaction(edges, graph, basis))
        edges = merge(edges, apply(self.layers_before_skip, change))
        edges = apply(self.layers_after_skip, edges)
        atoms = merge(atoms, self.atom_update(edges, graph, basis.atom))
        source, target = graph.source, graph.target
        if wanted is not None:
            edges = edges.index_select(0, wanted)
            source, target = source[wanted], target[wanted]
        joined = self.concat_layer(atoms, edges, source, target)
        return atoms, merge(edges, apply(self.residual_m, joined))


def _residuals(width: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(Residual(width) for _ in range(count))
