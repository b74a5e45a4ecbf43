"""The messages of one layer between all pairs of sites, with their gradient by hand.

Features have the shape (channels, structures, sites, components): channels first, so that
linear maps are one matrix product, and the messages of a channel are one matrix product for
each structure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .weights import Layer, Path


class Convolution(torch.autograd.Function):
    """Messages of every path of a layer, stacked by l3.

    Inputs are the layer, the folded edges (pairs x components, rank) for each l2, and the
    features for each l1; outputs are (channels, structures, sites, components) for each l3.
    """

    @staticmethod
    def forward(ctx: Any, layer: Layer, degrees: int, *inputs: torch.Tensor) -> Any:
        """The messages; kernels and coupled features are kept for the gradient."""
        edges, features = inputs[:degrees], inputs[degrees:]
        structures, sites = features[0].shape[1:3]
        kernels = [
            (layer.radial[l2] @ edges[l2].T).view(-1, structures, sites, sites, 2 * l2 + 1)
            for l2 in range(degrees)
        ]
        coupled = [_couple(path, features[path.l1]) for path in layer.paths]
        outputs = _empty_messages(layer, features[0])
        for path, rows, operand in zip(layer.paths, _rows(layer), coupled, strict=True):
            _send(path, kernels[path.l2], operand, outputs[path.l3][rows])
        ctx.layer = layer
        ctx.shapes = [tensor.shape for tensor in features]
        ctx.save_for_backward(*kernels, *coupled)
        return tuple(outputs[l3] for l3 in sorted(outputs))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of the folded edges and of the features."""
        layer: Layer = ctx.layer
        degrees = len(layer.radial)
        kernels, coupled = ctx.saved_tensors[:degrees], ctx.saved_tensors[degrees:]
        backs = [torch.empty_like(kernel) for kernel in kernels]
        features = [gradients[0].new_zeros(shape) for shape in ctx.shapes]
        for path, rows, operand in zip(layer.paths, _rows(layer), coupled, strict=True):
            gradient = gradients[path.l3][rows]
            kernel, back = kernels[path.l2], backs[path.l2]
            features[path.l1] += _uncouple(
                path, _send_back(path, kernel, operand, gradient, back), ctx.shapes[path.l1]
            )
        edges = [back.view(len(back), -1).T @ layer.radial[l2] for l2, back in enumerate(backs)]
        return None, None, *edges, *features


def _rows(layer: Layer) -> list[slice]:
    """Where the messages of each path go among those of its l3."""
    filled: dict[int, int] = {}
    rows = []
    for path in layer.paths:
        start = filled.get(path.l3, 0)
        filled[path.l3] = start + path.channels.stop - path.channels.start
        rows.append(slice(start, filled[path.l3]))
    return rows


def _empty_messages(layer: Layer, like: torch.Tensor) -> dict[int, torch.Tensor]:
    totals: dict[int, int] = {}
    for path, rows in zip(layer.paths, _rows(layer), strict=True):
        totals[path.l3] = rows.stop
    structures, sites = like.shape[1:3]
    return {
        l3: like.new_empty((channels, structures, sites, 2 * l3 + 1))
        for l3, channels in totals.items()
    }


def _couple(path: Path, features: torch.Tensor) -> torch.Tensor:
    """Features contracted with the coupling: (channels x structures, d3, sites x d2).

    A scalar couples to l2 = l3 only, by a factor: (channels x structures, 1, sites).
    """
    channels, structures, sites, d1 = features.shape
    _, d2, d3 = path.coupling.shape
    if path.l1 == 0:
        # The folded edges of (s, n) are those of (n, s) times (-1)^l2, which the factor has.
        return (features * path.factor).reshape(channels * structures, 1, sites)
    mixing = path.coupling.permute(0, 2, 1).reshape(d1, d3 * d2)
    mixed = (features.reshape(-1, d1) @ mixing).view(channels * structures, sites, d3, d2)
    operand: torch.Tensor = mixed.permute(0, 2, 1, 3).reshape(-1, d3, sites * d2)
    return operand


def _uncouple(path: Path, gradient: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The gradient with respect to the features from that of `_couple`."""
    channels, structures, sites, d1 = shape
    _, d2, d3 = path.coupling.shape
    if path.l1 == 0:
        return (gradient * path.factor).view(shape)
    mixing = path.coupling.permute(2, 1, 0).reshape(d3 * d2, d1)
    apart = gradient.view(channels * structures, d3, sites, d2).permute(0, 2, 1, 3)
    features: torch.Tensor = (apart.reshape(-1, d3 * d2) @ mixing).view(shape)
    return features


def _send(path: Path, kernel: torch.Tensor, operand: torch.Tensor, output: torch.Tensor) -> None:
    """Write the messages of a path."""
    _, _, sites, _, d2 = kernel.shape
    weights = kernel[path.channels].view(len(operand), sites, sites * d2)
    target = output.view(len(operand), sites, 2 * path.l3 + 1)
    if path.l1 == 0:
        torch.bmm(operand, weights, out=target.view(len(operand), 1, sites * d2))
    else:
        torch.bmm(weights, operand.transpose(1, 2), out=target)


def _send_back(
    path: Path,
    kernel: torch.Tensor,
    operand: torch.Tensor,
    gradient: torch.Tensor,
    back: torch.Tensor,
) -> torch.Tensor:
    """Write the gradient of the kernel into `back`, return that of the operand."""
    _, _, sites, _, d2 = kernel.shape
    weights = kernel[path.channels].view(len(operand), sites, sites * d2)
    target = back[path.channels].view(len(operand), sites, sites * d2)
    if path.l1 == 0:
        flat = gradient.reshape(len(operand), 1, sites * d2)
        torch.bmm(operand.transpose(1, 2), flat, out=target)
        return torch.bmm(flat, weights.transpose(1, 2))
    sent = gradient.reshape(len(operand), sites, 2 * path.l3 + 1)
    torch.bmm(sent, operand, out=target)
    return torch.bmm(sent.transpose(1, 2), weights)
