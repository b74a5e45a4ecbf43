"""Heads of GemNet: forces along edges, and strains of the lattice. Energies are only loaded."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.networks.gemnet import scales
from aiida_hpaint.science.diffusion.networks.gemnet.layers import (
    Dense,
    Scale,
    apply_layers,
    make_stack,
    product,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings


class Output(nn.Module):
    """Head that computes the force along each edge; parameters of an energy may come with it."""

    def __init__(self, settings: GemNetSettings, block: int) -> None:
        super().__init__()
        width = settings.edge_width
        if settings.energy:
            self._add_energy(settings, block)
        self.scale_rbf_F = Scale(scales.find_scale(scales.OUTPUT_RADIAL, block))
        self.seq_forces = make_stack(width, width, settings.atom_layers)
        self.out_forces = Dense(width, 1)
        self.dense_rbf_F = Dense(settings.rbf_width, width)

    def _add_energy(self, settings: GemNetSettings, block: int) -> None:
        self.dense_rbf = Dense(settings.rbf_width, settings.edge_width)
        self.scale_sum = Scale(scales.find_scale(scales.OUTPUT_SUM, block))
        self.layers = make_stack(settings.edge_width, settings.atom_width, settings.atom_layers)
        self.seq_energy = self.layers  # MatterGen's checkpoints hold them under both names
        self.out_energy = Dense(settings.atom_width, 1)

    def forward(self, edges: Tensor, radial: Tensor) -> Tensor:
        """Compute forces (E, 1) from edges (E, W) and projected radial functions (E, R)."""
        # sum_w out[w] F[e, w] sum_r dense[w, r] radial[e, r]: with the sum over w first there are R
        # intermediate numbers for each edge instead of W, 16 instead of 512 in published models.
        readout = self.out_forces.linear.weight.t() * self.dense_rbf_F.linear.weight
        forces = product(apply_layers(self.seq_forces, edges), self.scale_rbf_F(readout).t())
        return torch.as_tensor((forces * radial).sum(1, keepdim=True))


class LatticeOutput(nn.Module):
    """Head that computes the strain along each edge, which positions do not need."""

    def __init__(self, settings: GemNetSettings) -> None:
        super().__init__()
        width = settings.edge_width
        self.mlp = nn.Sequential(Dense(width, width, active=True), Dense(width, width))
        self.dense_rbf_F = Dense(settings.rbf_width, width)
        self.out_forces = Dense(width, 1)

    def forward(self, edges: Tensor, radial: Tensor) -> Tensor:
        """Compute strains (E, 1) from edges (E, W) and projected radial functions (E, R)."""
        readout = self.out_forces.linear.weight.t() * self.dense_rbf_F.linear.weight
        strains = product(self.mlp(edges), readout.t())
        return torch.as_tensor((strains * radial).sum(1, keepdim=True))
