"""The folded network on those pairs of sites that have an edge, by compiled loops.

The dense form multiplies matrices over all pairs of sites in both directions, and its kernels go
through memory several times. Of all pairs, only a part have an edge, fewer the larger the cell,
and the kernel of (s, n) is that of (n, s) up to signs. Here each such pair has one row of kernels,
with channels next to each other, and the loops of `messages.c` read it once for both directions.
Structures of any sizes go through together, one after the other, as one set of sites. Threads
share them out in the loops, each with structures of its own, so that sums are the same.
"""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.links import (
    HostKernels,
    Links,
    link_pairs,
)
from aiida_hpaint.science.relaxation.potentials.folded.products import times_transposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida_hpaint.science.relaxation.potentials.folded.parts import Layer, Linear, Weights
    from aiida_hpaint.science.relaxation.potentials.pairs import Pairs

Features = dict[int, torch.Tensor]
"""(sites, 2 l + 1, channels) for each l."""

Fixed = tuple[list[Links], tuple[torch.Tensor, ...]]
"""Pairs of sites that stand still by threads, and their kernels by l2 in one layer."""


@dataclass(frozen=True)
class Couplings:
    """All paths of a layer as the loops read them.

    Attributes
    ----------
    paths : (paths, 8) integers
    places : (terms, 3) integers
    terms : (terms,) floats
    """

    paths: torch.Tensor
    places: torch.Tensor
    terms: torch.Tensor


_ZERO = 1e-7
"""Coefficients of coupling below this are rounding; the others are above 0.01."""


class SparseNetwork:
    """The network of `weights` (single precision, CPU) by the compiled loops."""

    def __init__(self, weights: Weights, loops: ctypes.CDLL) -> None:
        self._weights, self._loops = weights, loops
        self._couplings = [_read_couplings(layer) for layer in weights.layers]
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
        kernels = [_expand(layer, folded) for layer in self._weights.layers]
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
        kernels = _expand(layer, folded)
        how = self._loops, couplings, links, fixed, layer.widths, len(kernels)
        messages: Any = _Send.apply(*how, *kernels, *inputs)  # type: ignore[no-untyped-call]
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


class _Send(torch.autograd.Function):
    """Messages (sites, 2 l3 + 1, channels) for each l3, from kernels by l2 and features by l1."""

    @staticmethod
    def forward(
        ctx: Any,
        loops: ctypes.CDLL,
        couplings: Couplings,
        links: list[Links],
        fixed: Fixed | None,
        widths: tuple[int, ...],
        degrees: int,
        *inputs: torch.Tensor,
    ) -> Any:
        kernels, features = inputs[:degrees], inputs[degrees:]
        outputs = [
            features[0].new_zeros((len(features[0]), 2 * l3 + 1, width))
            for l3, width in enumerate(widths)
        ]
        sent = _pointers(outputs), _widths(outputs)
        _run(loops.send, couplings, links, kernels, features, *sent)
        if fixed is not None:
            _run(loops.send, couplings, *fixed, features, *sent)
        ctx.parts = loops, couplings, links, fixed, degrees
        ctx.save_for_backward(*inputs)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        loops, couplings, links, fixed, degrees = ctx.parts
        kernels, features = ctx.saved_tensors[:degrees], ctx.saved_tensors[degrees:]
        given = [gradient.contiguous() for gradient in gradients]
        to_kernels = [torch.empty_like(kernel) for kernel in kernels]
        to_features = [torch.zeros_like(feature) for feature in features]
        sent = _pointers(given), _widths(given), ctypes.c_longlong(degrees)
        to_both = _pointers(to_kernels), _pointers(to_features)
        _run(loops.send_back, couplings, links, kernels, features, *sent, *to_both)
        if fixed is not None:
            _run(loops.send_back, couplings, *fixed, features, *sent, None, to_both[1])
        return None, None, None, None, None, None, *to_kernels, *to_features


def _run(
    loop: Any,
    couplings: Couplings,
    links: list[Links],
    kernels: Sequence[torch.Tensor],
    features: Sequence[torch.Tensor],
    *others: Any,
) -> None:
    """Call one of the loops, whose last arguments are `others`, with a thread for each links."""
    inputs = _pointers(kernels), _widths(kernels), _pointers(features), _widths(features)

    def call(part: Links) -> None:
        loop(*_describe(couplings, part), *inputs, *others)

    if len(links) == 1:
        call(links[0])
        return
    with ThreadPoolExecutor(len(links)) as threads:
        list(threads.map(call, links))


def _expand(layer: Layer, folded: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the kernels of a layer (P, 2 l2 + 1, channels) for each l2."""
    return [
        _multiply(edge, layer.radial[l2], layer.radial_transposed[l2])
        for l2, edge in enumerate(folded)
    ]


def _describe(couplings: Couplings, links: Links) -> list[Any]:
    """Return the first eight arguments of the loops."""
    return [
        ctypes.c_longlong(len(links.first)),
        *map(_address, (links.first, links.second, links.which)),
        ctypes.c_longlong(len(couplings.paths)),
        *map(_address, (couplings.paths, couplings.places, couplings.terms)),
    ]


def _address(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _pointers(tensors: Sequence[torch.Tensor]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


def _widths(tensors: Sequence[torch.Tensor]) -> Any:
    return (ctypes.c_longlong * len(tensors))(*(tensor.shape[2] for tensor in tensors))


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


def _read_couplings(layer: Layer) -> Couplings:
    """Read the coefficients of all paths that are not zero."""
    paths: list[list[int]] = []
    places: list[tuple[int, int, int]] = []
    terms: list[float] = []
    for path in layer.paths:
        columns = layer.mixing[path.l1][:, path.columns]
        if path.l1 == 0:
            # A scalar couples to l2 = l3 by one factor, here without the sign of turning around.
            factor = float(columns[0, 0]) * (-1.0) ** path.l2
            matrix = factor * torch.eye(2 * path.l2 + 1)[None]
        else:
            matrix = columns.view(-1, 2 * path.l3 + 1, 2 * path.l2 + 1)
        kept = (matrix.abs() > _ZERO).nonzero().tolist()
        start = len(terms)
        places.extend((m1, m2, m3) for m1, m3, m2 in kept)
        terms.extend(float(matrix[m1, m3, m2]) for m1, m3, m2 in kept)
        channels = path.channels.stop - path.channels.start
        momenta = [path.l1, path.l2, path.l3]
        starts = [path.channels.start, path.rows.start]
        paths.append([*momenta, channels, *starts, start, len(terms)])
    return Couplings(
        torch.tensor(paths), torch.tensor(places), torch.tensor(terms, dtype=torch.float32)
    )
