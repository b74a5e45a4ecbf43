"""The folded network on those pairs of sites that have an edge, by compiled loops.

The dense form multiplies matrices over all pairs of sites in both directions, and its kernels go
through memory several times. Of all pairs, only a part have an edge, fewer the larger the cell,
and the kernel of (s, n) is that of (n, s) up to signs. Here each such pair has one row of kernels,
with channels next to each other, and the loops of `messages.c` read it once for both directions.
Structures of any sizes go through together, one after the other, as one set of sites. Threads
share them out in the loops, each with structures of its own, so that sums are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.links import (
    HostKernels,
    Links,
    link_pairs,
)
from aiida_hpaint.science.relaxation.potentials.folded.messages import (
    Send,
    expand,
    read_couplings,
)
from aiida_hpaint.science.relaxation.potentials.folded.products import times_transposed

if TYPE_CHECKING:
    import ctypes

    from aiida_hpaint.science.relaxation.potentials.folded.messages import Couplings, Fixed
    from aiida_hpaint.science.relaxation.potentials.folded.parts import Layer, Linear, Weights
    from aiida_hpaint.science.relaxation.potentials.pairs import Pairs

Features = dict[int, torch.Tensor]
"""(sites, 2 l + 1, channels) for each l."""


class SparseNetwork:
    """The network of `weights` (single precision, CPU) by the compiled loops."""

    def __init__(self, weights: Weights, loops: ctypes.CDLL) -> None:
        self._weights, self._loops = weights, loops
        self._couplings = [read_couplings(layer) for layer in weights.layers]
        self._degrees = 1 + max(path.l2 for layer in weights.layers for path in layer.paths)

    def differentiate(
        self, numbers: torch.Tensor, counts: torch.Tensor, pairs: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return energies (S,) in eV of S structures, gradient (E, 3) by the vectors."""
        once = pairs.first <= pairs.second
        return self._differentiate(numbers, counts, pairs, once, None)

    def compute_host_kernels(self, pairs: Pairs, sites: int) -> HostKernels:
        """Return the kernels between the sites of one host, from all their pairs."""
        once = (pairs.first <= pairs.second).nonzero()[:, 0]
        links, row = link_pairs(pairs.first[once], pairs.second[once], sites)
        folded = self._fold(row, len(links.first), pairs.vectors[once].float())
        kernels = [expand(layer, folded) for layer in self._weights.layers]
        return HostKernels(links, tuple(map(tuple, kernels)))

    def differentiate_moving(
        self,
        numbers: torch.Tensor,
        counts: torch.Tensor,
        pairs: Pairs,
        moving: torch.Tensor,
        host: HostKernels,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return energies (S,) in eV of S samples of a host, and their gradient by the vectors.

        Parameters
        ----------
        numbers, counts : (S N,) and (S,) integers
            Atomic numbers, and sites of each sample.
        pairs : Pairs
            All E pairs whose first site moves.
        moving : (S N,) booleans
            Sites that move, the same of each sample.
        host : HostKernels
            Kernels between the sites that stand still, by their place in a sample.

        Returns
        -------
        energies, gradient : (S,) and (E, 3)
            Forces on the sites that move follow from the gradient, and no others.
        """
        once = ~moving[pairs.second] | (pairs.first <= pairs.second)
        return self._differentiate(numbers, counts, pairs, once, host)

    def _differentiate(
        self,
        numbers: torch.Tensor,
        counts: torch.Tensor,
        pairs: Pairs,
        once: torch.Tensor,
        host: HostKernels | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return energies and gradient from pairs, of which `once` chooses one direction each."""
        chosen = once.nonzero()[:, 0]
        links, row = link_pairs(pairs.first[chosen], pairs.second[chosen], len(numbers))
        vectors = pairs.vectors[chosen].float().requires_grad_(True)
        folded = self._fold(row, len(links.first), vectors)
        starts = torch.cumsum(counts, 0) - counts
        shares = starts.tensor_split(min(torch.get_num_threads(), len(starts)))
        parts = links.cut(torch.stack([share[0] for share in shares]))
        still = [] if host is None else [host.repeat(share) for share in shares]
        weights = self._weights
        species = weights.species[numbers]
        features: Features = {0: weights.embedding.T[species].contiguous()[:, None]}
        for place, layer in enumerate(weights.layers):
            fixed = None if host is None else (still, host.kernels[place])
            features = self._interact(layer, self._couplings[place], parts, folded, fixed, features)
        raw = (features[0][:, 0] @ weights.readout).double() + weights.readout_bias
        of_sites = raw * weights.scale[species] + weights.shift[species]
        (half,) = torch.autograd.grad(of_sites.sum(), [vectors])
        owners = torch.repeat_interleave(torch.arange(len(counts)), counts)
        energies = of_sites.new_zeros(len(counts)).index_add_(0, owners, of_sites.detach())
        gradient = half.new_zeros((len(pairs.first), 3))
        gradient[chosen] = half
        return energies, gradient

    def _fold(self, row: torch.Tensor, count: int, vectors: torch.Tensor) -> list[torch.Tensor]:
        """Sum radial functions times directions over the edges of each pair: (P, 2 l + 1, rank)."""
        radial = self._weights.table(torch.linalg.vector_norm(vectors, dim=1))
        directions = self._weights.directions(vectors)
        widths = [2 * l2 + 1 for l2 in range(self._degrees)]
        sums: Any = _Fold.apply(radial, directions, row, count)  # type: ignore[no-untyped-call]
        return list(sums.split(widths, dim=1))

    def _interact(
        self,
        layer: Layer,
        couplings: Couplings,
        links: list[Links],
        folded: list[torch.Tensor],
        fixed: Fixed | None,
        features: Features,
    ) -> Features:
        """Apply one interaction block."""
        mixed = _apply(layer.before, features)
        inputs = [mixed[l1][:, :, : layer.sent[l1]].contiguous() for l1 in sorted(layer.sent)]
        how = self._loops, couplings, layer, links, fixed, len(folded)
        messages: Any = Send.apply(*how, *folded, *inputs)  # type: ignore[no-untyped-call]
        received = _apply(layer.after, dict(enumerate(messages)))
        for l3, message in received.items():
            if l3 in mixed and mixed[l3].shape[2] > layer.sent[l3]:
                received[l3] = message + mixed[l3][:, :, layer.sent[l3] :]
        return _gate(layer, received)


class _Fold(torch.autograd.Function):
    """Radial functions (E, rank) times directions (E, components), summed over edges.

    The sums are (P, components, rank).
    """

    @staticmethod
    def forward(
        ctx: Any, radial: torch.Tensor, directions: torch.Tensor, row: torch.Tensor, count: int
    ) -> torch.Tensor:
        ctx.save_for_backward(radial, directions, row)
        products = directions[:, :, None] * radial[:, None, :]
        return products.new_zeros((count, *products.shape[1:])).index_add_(0, row, products)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        radial, directions, row = ctx.saved_tensors
        of_edges = gradients[0].index_select(0, row)
        to_radial = torch.bmm(directions[:, None, :], of_edges)[:, 0]
        to_directions = torch.bmm(of_edges, radial[:, :, None])[:, :, 0]
        return to_radial, to_directions, None, None


class _Product(torch.autograd.Function):
    """rows @ matrix.T, differentiable by the rows; `transposed` is matrix.T."""

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, matrix: torch.Tensor, transposed: torch.Tensor
    ) -> torch.Tensor:
        ctx.transposed = transposed
        return times_transposed(rows, matrix)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return times_transposed(gradients[0], ctx.transposed), None, None


def _multiply(rows: torch.Tensor, matrix: torch.Tensor, transposed: torch.Tensor) -> torch.Tensor:
    flat = rows.reshape(-1, rows.shape[2])
    product: Any = _Product.apply(flat, matrix, transposed)  # type: ignore[no-untyped-call]
    result: torch.Tensor = product.view(*rows.shape[:2], len(matrix))
    return result


def _apply(linear: Linear, features: Features) -> Features:
    result = {
        l1: _multiply(features[l1], matrix, linear.transposed[l1])
        for l1, matrix in linear.matrices.items()
    }
    if linear.bias is not None:
        result[0] = result[0] + linear.bias
    return result


def _gate(layer: Layer, features: Features) -> Features:
    """Activate scalars, and multiply the other features with the scalars that gate them."""
    active = torch.nn.functional.silu(features[0]) * layer.gain
    result: Features = {0: active[:, :, : layer.scalars]}
    start = layer.scalars
    for channels, momentum in layer.gated:
        result[momentum] = features[momentum] * active[:, :, start : start + channels]
        start += channels
    return result
