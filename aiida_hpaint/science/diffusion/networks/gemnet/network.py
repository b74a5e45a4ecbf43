"""GemNetwork: MatterGen's denoiser of positions and cells (GemNet-dT), with times of sites."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import NoiseSettings
from aiida_hpaint.science.diffusion.networks.gemnet.bases import (
    CircularBasis,
    CircularProjection,
    RadialBasis,
    TimeEncoding,
)
from aiida_hpaint.science.diffusion.networks.gemnet.candidates import (
    Candidates,
    find_candidate_edges,
)
from aiida_hpaint.science.diffusion.networks.gemnet.graph import Graph, build_graph
from aiida_hpaint.science.diffusion.networks.gemnet.interaction import (
    Basis,
    Interaction,
    compute_angular_basis,
)
from aiida_hpaint.science.diffusion.networks.gemnet.layers import Dense, PairDense, product
from aiida_hpaint.science.diffusion.networks.gemnet.output import LatticeOutput, Output
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings
from aiida_hpaint.science.diffusion.noise import Noise


class Species(nn.Module):
    """Embedding of elements (rows from hydrogen on)."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(rows, width)
        nn.init.uniform_(self.embeddings.weight, -math.sqrt(3), math.sqrt(3))

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed atomic numbers (A,); returns (A, W)."""
        return torch.as_tensor(self.embeddings(numbers - 1))


class GemNet(nn.Module):
    """Network that computes forces on sites; a module of its own because checkpoints name it."""

    def __init__(self, settings: GemNetSettings) -> None:
        super().__init__()
        self.settings = settings
        atoms, edges = settings.atom_width, settings.edge_width
        self.radial_basis = RadialBasis(settings.radial, settings.cutoff)
        self.cbf_basis3 = CircularBasis(settings.radial, settings.cutoff)
        self._add_projections(settings)
        self.atom_emb = Species(settings.species, settings.species_width)
        self.atom_latent_emb = nn.Linear(settings.species_width + settings.latent_width, atoms)
        self.edge_emb = PairDense(atoms, settings.radial, edges)
        self.angle_edge_emb = nn.Sequential(
            nn.Linear(edges + 3, edges), nn.ReLU(), nn.Linear(edges, edges)
        )
        blocks = range(settings.blocks)
        self.int_blocks = nn.ModuleList(Interaction(settings, block) for block in blocks)
        outputs = range(settings.blocks + 1)
        self.out_blocks = nn.ModuleList(Output(settings, block) for block in outputs)
        if settings.lattice:
            self.lattice_out_blocks = nn.ModuleList(LatticeOutput(settings) for _ in outputs)
            self.mlp_rbf_lattice = Dense(settings.radial, settings.rbf_width)

    def _add_projections(self, settings: GemNetSettings) -> None:
        sizes = settings.radial, settings.rbf_width
        self.mlp_rbf3, self.mlp_rbf_h, self.mlp_rbf_out = (Dense(*sizes) for _ in range(3))
        self.mlp_cbf3 = CircularProjection(settings.spherical, settings.radial, settings.cbf_width)

    def forward(
        self, graph: Graph, cosines: Tensor, numbers: Tensor, times: Tensor, wanted: Tensor
    ) -> Tensor:
        """Compute Cartesian forces (A, 3), which are 0 for sites where no wanted edge ends.

        Parameters
        ----------
        graph
            E edges among A sites.
        cosines
            (E, 3) of the angles between edges and lattice vectors.
        numbers, times
            (A,) atomic numbers, and (A, T) encoded times.
        wanted
            Indices of the edges whose force is needed: those that end at unknown sites. Nothing
            else of the last block and of the outputs is computed.
        """
        radial, angular = self._measure(graph)
        basis = self._basis(radial, angular)
        rows = basis.force[wanted]
        forces: Tensor | None = None
        embedded = self._embed(graph, cosines, numbers, times, radial, basis, wanted)
        for block, edges in zip(self.out_blocks, embedded, strict=True):
            found = block(edges, rows)
            forces = found if forces is None else forces + found
        assert forces is not None
        pushes = forces.to(graph.direction.dtype) * graph.direction[wanted]
        return graph.total(torch.zeros_like(graph.direction).index_copy(0, wanted, pushes))

    def forward_with_strains(
        self, graph: Graph, cosines: Tensor, numbers: Tensor, times: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute Cartesian forces (A, 3) and the strain along each edge (E, 1); see `forward`."""
        radial, angular = self._measure(graph)
        basis = self._basis(radial, angular)
        lattice = self.mlp_rbf_lattice(radial)
        everything = torch.arange(len(radial), device=radial.device)
        forces, strains = torch.zeros_like(radial[:, :1]), torch.zeros_like(radial[:, :1])
        embedded = self._embed(graph, cosines, numbers, times, radial, basis, everything)
        blocks = zip(self.out_blocks, self.lattice_out_blocks, embedded, strict=True)
        for output, of_lattice, edges in blocks:
            forces = forces + output(edges, basis.force)
            strains = strains + of_lattice(edges, lattice)
        return graph.total(forces.to(graph.direction) * graph.direction), strains

    def _embed(
        self,
        graph: Graph,
        cosines: Tensor,
        numbers: Tensor,
        times: Tensor,
        radial: Tensor,
        basis: Basis,
        wanted: Tensor,
    ) -> Iterator[Tensor]:
        """Yield the wanted edges (W, C) before the first interaction and after each of them."""
        latent = torch.cat([self.atom_emb(numbers), times.to(radial.dtype)], 1)
        atoms = self.atom_latent_emb(latent)
        edges = self.edge_emb(atoms, radial, graph.source, graph.target)
        edges = self._embed_angles(edges, cosines.to(radial.dtype))
        yield edges.index_select(0, wanted)
        for index, block in enumerate(self.int_blocks):
            last = index + 1 == len(self.int_blocks)
            atoms, edges = block(atoms, edges, graph, basis, wanted if last else None)
            yield edges if last else edges.index_select(0, wanted)

    def _measure(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """Compute radial (E, R) and angular functions, in the precision of the geometry."""
        dtype = self.mlp_rbf3.linear.weight.dtype
        with torch.autocast(graph.distance.device.type, enabled=False):
            radial = self.radial_basis(graph.distance)
            angular = compute_angular_basis(graph, self.settings.spherical)
        return radial.to(dtype), angular.to(dtype)

    def _basis(self, radial: Tensor, angular: Tensor) -> Basis:
        return Basis(
            triplet=self.mlp_rbf3(radial),
            atom=self.mlp_rbf_h(radial),
            force=self.mlp_rbf_out(radial),
            circular=self.mlp_cbf3(radial),
            angular=angular,
        )

    def _embed_angles(self, edges: Tensor, cosines: Tensor) -> Tensor:
        # The first layer acts on edges beside cosines; the product is split, as that of the wide
        # part has a faster kernel (see `product`).
        first, _, second = self.angle_edge_emb
        assert isinstance(first, nn.Linear)
        assert isinstance(second, nn.Linear)
        features, angles = first.weight.split([edges.shape[1], 3], 1)
        hidden = product(edges, features) + F.linear(cosines, angles, first.bias)
        return product(F.relu(hidden), second.weight) + second.bias


@dataclass(frozen=True)
class Prepared:
    """Geometry that stays while sites move.

    Attributes
    ----------
    candidates
        Pairs of sites that may become edges.
    units : (B, 3, 3)
        Unit vectors along the lattice vectors.
    conversion : (B, 3, 3)
        Matrix from Cartesian forces to noise along its axes.
    """

    candidates: Candidates
    units: Tensor
    conversion: Tensor


class GemNetwork(nn.Module):
    """Network that estimates noise as MatterGen's `GemNetTDenoiser` does.

    Parameters have the names of MatterGen 1.0 (Zeni et al., Nature 2025), so that its checkpoints
    load. Instead of one time for a structure every site has its own, as in TD-Paint (Mayet et al.,
    arXiv:2410.09306): that of its noise level, or `settings.known_time` where it has no noise.

    Parameters
    ----------
    settings
        Sizes; published ones if left out.
    noise
        What the noise levels and the axes of the estimate refer to.
    """

    def __init__(self, settings: GemNetSettings | None, noise: NoiseSettings) -> None:
        super().__init__()
        self.settings = settings or GemNetSettings()
        self.noise = Noise(noise)
        self.gemnet = GemNet(self.settings)
        self.noise_level_encoding = TimeEncoding(self.settings.latent_width)
        if self.settings.types:
            self.fc_atom = nn.Linear(self.settings.atom_width, self.settings.types)

    @torch.no_grad()
    def prepare(self, crystals: Crystals) -> Prepared:
        """Find the candidates for edges, and compute what depends on the cells alone.

        Raises
        ------
        ValueError
            If a species has no row in this network.
        """
        largest = int(crystals.numbers.max())
        if largest > self.settings.species:
            raise ValueError(
                f"atomic number {largest}: this network knows those up to "
                f"{self.settings.species}; leave the structure out"
            )
        crystals = _precise(crystals)
        cells = crystals.cells
        with torch.autocast(cells.device.type, enabled=False):
            # Forces are along the score, which is minus the noise. They are converted to fractional
            # coordinates, then to the axes of the noise; flat cells need double precision.
            inverse = torch.linalg.inv(cells.double()) @ self.noise.axes(cells.double())
            return Prepared(
                candidates=find_candidate_edges(crystals, self.settings),
                units=F.normalize(cells, dim=-1),
                conversion=-inverse.to(cells),
            )

    def forward(
        self, crystals: Crystals, noise_levels: Tensor, prepared: Prepared | None = None
    ) -> Tensor:
        """Estimate noise (B, N, 3) of unknown sites along the axes of the noise, 0 elsewhere."""
        prepared = prepared or self.prepare(crystals)
        graph, cosines, times = self._connect(crystals, noise_levels, prepared)
        place = prepared.candidates.place
        numbers, moves = crystals.numbers.flatten()[place], crystals.unknown.flatten()[place]
        wanted = moves[graph.target].nonzero()[:, 0]
        forces = self.gemnet(graph, cosines, numbers, times, wanted)
        return self._spread(forces, crystals, prepared)

    def estimate_with_cells(
        self, crystals: Crystals, noise_levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Estimate noise of positions (B, N, 3), 0 for known sites, and of cells (B, 3, 3).

        The noise of cells is symmetric and dimensionless: it is that of lattice vectors along
        Cartesian axes, in units of its standard deviation, of a lattice matrix that is symmetric.
        Cells may differ from one evaluation to the next, so that nothing is prepared.
        """
        prepared = self.prepare(crystals)
        graph, cosines, times = self._connect(crystals, noise_levels, prepared)
        place = prepared.candidates.place
        numbers, moves = crystals.numbers.flatten()[place], crystals.unknown.flatten()[place]
        forces, strains = self.gemnet.forward_with_strains(graph, cosines, numbers, times)
        noise = self._spread(forces * moves[:, None], crystals, prepared)
        return noise, self._sum_strains(graph, strains, crystals, place)

    def _connect(
        self, crystals: Crystals, noise_levels: Tensor, prepared: Prepared
    ) -> tuple[Graph, Tensor, Tensor]:
        """Return the graph, the cosines (E, 3) of its edges, and the encoded times (A, T)."""
        candidates, exact = prepared.candidates, _precise(crystals)
        with torch.autocast(exact.frac.device.type, enabled=False):
            graph = build_graph(exact, candidates, self.settings)
            units = prepared.units[candidates.structure[graph.target]]
            cosines = (units * graph.direction[:, None]).sum(-1)
            times = self._encode(exact, noise_levels, candidates.place)
        return graph, cosines, times

    def _sum_strains(
        self, graph: Graph, strains: Tensor, crystals: Crystals, place: Tensor
    ) -> Tensor:
        """Return the noise (B, 3, 3) of cells: minus the mean over edges of strain times d dT."""
        direction = graph.direction
        products = (direction[:, :, None] * direction[:, None]).flatten(1)
        columns = torch.cat([strains.to(products) * products, torch.ones_like(strains)], 1)
        # Over sites first: on a GPU a sum over edges of a structure would have no fixed order.
        sums = columns.new_zeros(crystals.numbers.numel(), 10)
        sums = sums.index_copy(0, place, graph.total(columns.to(products)))
        total = sums.view(*crystals.numbers.shape, 10).sum(1)
        means = total[:, :9] / total[:, 9:].clamp(min=1)
        return torch.as_tensor(-means.view(-1, 3, 3).to(crystals.frac.dtype))

    def _encode(self, crystals: Crystals, levels: Tensor, place: Tensor) -> Tensor:
        """Encode the time of each site; returns (A, T)."""
        times = self.noise.times(levels.to(crystals.frac), crystals)
        # No time 0 occurs in trainings: clean sites get a small one, TD-Paint's epsilon.
        times = torch.where(levels > 0, times, self.settings.known_time)
        return torch.as_tensor(self.noise_level_encoding(times.flatten()[place]))

    def _spread(self, forces: Tensor, crystals: Crystals, prepared: Prepared) -> Tensor:
        """Convert Cartesian forces (A, 3) to noise (B, N, 3) along its axes."""
        candidates = prepared.candidates
        turned = prepared.conversion[candidates.structure] * forces[:, :, None]
        padded = forces.new_zeros(crystals.numbers.numel(), 3)
        padded = padded.index_copy(0, candidates.place, turned.sum(1))
        return torch.as_tensor(padded.view_as(crystals.frac).to(crystals.frac.dtype))

    def memory(self, sites: int, cell: NDArray[np.float64]) -> float:
        """Estimate the bytes that evaluating a structure takes; see `ScoreNetwork`."""
        settings = self.settings
        volume = abs(float(np.linalg.det(cell)))
        sphere = 4 / 3 * math.pi * settings.cutoff**3 * sites / volume
        near = 1.1 * min(float(settings.neighbours), sphere)
        edges = sites * near
        size = next(self.parameters()).element_size()
        channels = 8 * settings.edge_width + 2 * settings.radial
        channels += 3 * settings.spherical * settings.triplet_width
        angles = 2 * settings.spherical * near
        return edges * size * (channels + angles) + 80 * sites**2 * self._count_images(cell)

    def _count_images(self, cell: NDArray[np.float64]) -> float:
        spacings = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        repeats = np.minimum(np.ceil(self.settings.cutoff / spacings), self.settings.images)
        return float(np.prod(2 * repeats + 1))


def _precise(crystals: Crystals) -> Crystals:
    """Return the crystals in single precision at least."""
    dtype = torch.promote_types(crystals.frac.dtype, torch.float32)
    return crystals.to(crystals.frac.device, dtype)
