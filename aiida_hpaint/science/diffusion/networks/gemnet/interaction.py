"""Interaction block of GemNet: messages over pairs of edges that end at one site.

Gasteiger, Becker, Günnemann, GemNet (arXiv:2106.08903), section 5 and appendix; the variant with
direct forces and triplets only ("GemNet-dT") that the Open Catalyst Project and MatterGen use.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.networks.gemnet import scales
from aiida_hpaint.science.diffusion.networks.gemnet.bases import compute_harmonics
from aiida_hpaint.science.diffusion.networks.gemnet.graph import Graph
from aiida_hpaint.science.diffusion.networks.gemnet.layers import (
    Dense,
    PairDense,
    Residual,
    Scale,
    apply_layers,
    he_orthogonal_,
    make_stack,
    merge,
    product,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings


@dataclass(frozen=True)
class Basis:
    """Geometry, as all blocks use it.

    Attributes
    ----------
    triplet, atom, force : (E, R) projected radial functions for three uses.
    circular : (E, C, L) projected radial functions, to be combined with those of the angles.
    angular : (A, L * K, K) functions of the angles between the edges that end at one site.
    """

    triplet: Tensor
    atom: Tensor
    force: Tensor
    circular: Tensor
    angular: Tensor


def compute_angular_basis(graph: Graph, size: int) -> Tensor:
    """Compute spherical harmonics (A, size * K, K) of the angles between edges at each site.

    Each edge makes no angle with itself: the diagonal of the last two axes is 0. K is the most
    edges that end at one site; entries of missing ones meet edges that are zero, or are not read.
    """
    directions = graph.table(graph.direction)
    cosines = (directions @ directions.transpose(1, 2)).clamp(-1, 1)
    others = 1 - torch.eye(graph.width, dtype=cosines.dtype, device=cosines.device)
    return compute_harmonics(cosines, size, others).flatten(1, 2)


class Triplets(nn.Module):
    """Messages to each edge from the other edges that end at the same site."""

    def __init__(self, settings: GemNetSettings, block: int) -> None:
        super().__init__()
        edges, triplets = settings.edge_width, settings.triplet_width
        self.dense_ba = Dense(edges, edges, active=True)
        self.mlp_rbf = Dense(settings.rbf_width, edges)
        self.scale_rbf = Scale(scales.find_scale(scales.TRIPLET_RADIAL, block))
        self.mlp_cbf = Bilinear(triplets, settings.cbf_width, settings.bilinear_width)
        self.scale_cbf_sum = Scale(scales.find_scale(scales.TRIPLET_SUM, block))
        self.down_projection = Dense(edges, triplets, active=True)
        self.up_projection_ca = Dense(settings.bilinear_width, edges, active=True)
        self.up_projection_ac = Dense(settings.bilinear_width, edges, active=True)

    def forward(self, edges: Tensor, graph: Graph, basis: Basis) -> Tensor:
        """Transform edges (E, W) to (E, W)."""
        # The factor is applied to the small weight instead of to all edges.
        radial = product(basis.triplet, self.scale_rbf(self.mlp_rbf.linear.weight))
        sent = self.down_projection(self.dense_ba(edges) * radial)
        received = self.scale_cbf_sum(self.mlp_cbf(sent, graph, basis))
        # Each edge also gets what its opposite received.
        opposite = self.up_projection_ac(received).index_select(0, graph.swap)
        return merge(self.up_projection_ca(received), opposite)


class Bilinear(nn.Module):
    """Bilinear layer: edges times circular basis, summed over a site's other edges, then mixed."""

    def __init__(self, inputs: int, basis: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, basis, outputs))
        he_orthogonal_(self.weight)

    def forward(self, edges: Tensor, graph: Graph, basis: Basis) -> Tensor:
        """Transform (E, I) to (E, O)."""
        # The sum over triplets as dense products over tables of edges for each site: with about 50
        # neighbours a list of all triplets would have 50 times as many rows as there are edges.
        inputs, functions, outputs = self.weight.shape
        angular = basis.circular.shape[2]
        sums = (basis.angular @ graph.table(edges)).view(graph.sites, angular, graph.width, inputs)
        sums = sums.transpose(1, 2).reshape(graph.sites * graph.width, angular, inputs)
        mixed = basis.circular @ sums.index_select(0, graph.slot)
        weight = self.weight.transpose(0, 1).reshape(functions * inputs, outputs)
        return product(mixed.reshape(len(mixed), functions * inputs), weight.t())


class AtomUpdate(nn.Module):
    """Change of each site, computed from the edges that end at it."""

    def __init__(self, settings: GemNetSettings, factor: float) -> None:
        super().__init__()
        self.dense_rbf = Dense(settings.rbf_width, settings.edge_width)
        self.scale_sum = Scale(factor)
        self.layers = make_stack(settings.edge_width, settings.atom_width, settings.atom_layers)

    def forward(self, edges: Tensor, graph: Graph, radial: Tensor) -> Tensor:
        """Compute (A, W) from edges (E, W) and projected radial functions (E, R)."""
        return apply_layers(
            self.layers, self.scale_sum(graph.total(edges * self.dense_rbf(radial)))
        )


class Interaction(nn.Module):
    """Block that updates edges from triplets, sites from edges, and edges from sites."""

    def __init__(self, settings: GemNetSettings, block: int) -> None:
        super().__init__()
        width = settings.edge_width
        self.dense_ca = Dense(width, width, active=True)
        self.trip_interaction = Triplets(settings, block)
        self.layers_before_skip = _make_residuals(width, settings.before_skip)
        self.layers_after_skip = _make_residuals(width, settings.after_skip)
        self.atom_update = AtomUpdate(settings, scales.find_scale(scales.ATOM_SUM, block))
        self.concat_layer = PairDense(settings.atom_width, width, width)
        self.residual_m = _make_residuals(width, settings.concat)

    def forward(
        self, atoms: Tensor, edges: Tensor, graph: Graph, basis: Basis, wanted: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return new sites (A, W) and edges (E, W), or only the `wanted` edges if given."""
        change = merge(self.dense_ca(edges), self.trip_interaction(edges, graph, basis))
        edges = merge(edges, apply_layers(self.layers_before_skip, change))
        edges = apply_layers(self.layers_after_skip, edges)
        atoms = merge(atoms, self.atom_update(edges, graph, basis.atom))
        source, target = graph.source, graph.target
        if wanted is not None:
            edges = edges.index_select(0, wanted)
            source, target = source[wanted], target[wanted]
        joined = self.concat_layer(atoms, edges, source, target)
        return atoms, merge(edges, apply_layers(self.residual_m, joined))


def _make_residuals(width: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(Residual(width) for _ in range(count))
