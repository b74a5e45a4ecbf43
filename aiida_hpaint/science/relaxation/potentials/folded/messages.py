"""Messages between sites by the compiled loops of `messages.c`, and their gradients."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.links import Links
from aiida_hpaint.science.relaxation.potentials.folded.products import times_transposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida_hpaint.science.relaxation.potentials.folded.parts import Layer

Fixed = tuple[list[Links], tuple[torch.Tensor, ...]]
"""Pairs of sites that stand still by threads, and their kernels by l2 in one layer."""

KEPT = 1024
"""Pairs of each thread whose kernels, 13 kB each, are kept for the gradient."""
AT_ONCE = 256
"""Pairs whose kernels one thread makes at once, where it has more; several take `KEPT` each."""
_ZERO = 1e-7
"""Coefficients of coupling below this are rounding; the others are above 0.01."""


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


class Send(torch.autograd.Function):
    """Messages (sites, 2 l3 + 1, channels) for each l3, from folded edges and features by l1.

    Kernels of many pairs are made in portions, and again for the gradient: they stay in the
    cache, where all of them at once would take a GB of fresh memory, and half of the time.
    """

    @staticmethod
    def forward(
        ctx: Any,
        loops: ctypes.CDLL,
        couplings: Couplings,
        layer: Layer,
        links: list[Links],
        fixed: Fixed | None,
        degrees: int,
        *inputs: torch.Tensor,
    ) -> Any:
        """Send messages from folded edges (P, 2 l2 + 1, rank) for each l2 < `degrees`, features."""
        folded, features = inputs[:degrees], inputs[degrees:]
        outputs = [
            features[0].new_zeros((len(features[0]), 2 * l3 + 1, width))
            for l3, width in enumerate(layer.widths)
        ]
        sent = _pointers(outputs), _widths(outputs)
        portions = _cut(links, len(folded[0]))
        for parts, rows in portions:
            kernels = expand(layer, [edges[rows] for edges in folded])
            _run(loops.send, couplings, parts, kernels, features, *sent)
        if fixed is not None:
            _run(loops.send, couplings, *fixed, features, *sent)
        ctx.parts = loops, couplings, layer, portions, fixed, degrees
        ctx.save_for_backward(*inputs, *(kernels if len(portions) == 1 else ()))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return gradients by folded edges and features."""
        loops, couplings, layer, portions, fixed, degrees = ctx.parts
        count = degrees + len(layer.sent)
        folded, features = ctx.saved_tensors[:degrees], ctx.saved_tensors[degrees:count]
        given = [gradient.contiguous() for gradient in gradients]
        to_folded = [torch.empty_like(edges) for edges in folded]
        to_features = [torch.zeros_like(feature) for feature in features]
        sent = _pointers(given), _widths(given), ctypes.c_longlong(degrees)
        for parts, rows in portions:
            kernels = ctx.saved_tensors[count:] or expand(layer, [edges[rows] for edges in folded])
            to_kernels = [torch.empty_like(kernel) for kernel in kernels]
            to_both = _pointers(to_kernels), _pointers(to_features)
            _run(loops.send_back, couplings, parts, kernels, features, *sent, *to_both)
            to_edges = _multiply(to_kernels, layer.radial_transposed)
            for whole, part in zip(to_folded, to_edges, strict=True):
                whole[rows] = part
        if fixed is not None:
            of_features = _pointers(to_features)
            _run(loops.send_back, couplings, *fixed, features, *sent, None, of_features)
        return None, None, None, None, None, None, *to_folded, *to_features


def _cut(links: list[Links], count: int) -> list[tuple[list[Links], slice | torch.Tensor]]:
    """Return all P pairs in portions: those of each thread, and their rows among folded edges."""
    if count <= KEPT * len(links):
        return [(links, slice(None))]
    size = AT_ONCE if len(links) == 1 else KEPT
    portions: list[tuple[list[Links], slice | torch.Tensor]] = []
    for start in range(0, max(len(part.first) for part in links), size):
        chosen = slice(start, start + size)
        parts, rows, before = [], [], 0
        for part in links:
            first, second, which = part.first[chosen], part.second[chosen], part.which[chosen]
            parts.append(Links(first, second, torch.arange(before, before + len(which))))
            rows.append(which)
            before += len(which)
        portions.append((parts, chosen if len(links) == 1 else torch.cat(rows)))
    return portions


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


def expand(layer: Layer, folded: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the kernels of a layer (P, 2 l2 + 1, channels) for each l2."""
    return _multiply(folded, layer.radial)


def _multiply(
    rows: Sequence[torch.Tensor], matrices: dict[int, torch.Tensor]
) -> list[torch.Tensor]:
    """Return rows (P, 2 l2 + 1, n) times the transposed matrix (m, n) of each l2."""
    products = []
    for l2, one in enumerate(rows):
        product = times_transposed(one.reshape(-1, one.shape[2]), matrices[l2])
        products.append(product.view(*one.shape[:2], len(matrices[l2])))
    return products


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


def read_couplings(layer: Layer) -> Couplings:
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
