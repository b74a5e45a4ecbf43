"""The messages of one layer between all pairs of sites, with a hand-written gradient.

Features have the shape (channels, structures, sites, components): channels first, so that
linear maps are one matrix product, and the messages of a channel are one matrix product for
each structure. `merged` below stands for channels and structures as one dimension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.products import times_transposed

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials.folded.parts import Layer, Path


class Convolution(torch.autograd.Function):
    """Messages of every path of a layer, stacked by l3.

    Inputs are the layer, the number of l2, the folded edges (pairs x components, rank) for each
    l2, and the features for each l1; outputs are (channels, structures, sites, components) for
    each l3.
    """

    @staticmethod
    def forward(ctx: Any, layer: Layer, degrees: int, *inputs: torch.Tensor) -> Any:
        """Compute the messages; kernels and coupled features are saved for the gradient."""
        edges, features = inputs[:degrees], inputs[degrees:]
        structures, sites = features[0].shape[1:3]
        shape = (-1, structures, sites, sites)
        kernels = [
            times_transposed(layer.radial[l2], edges[l2]).view(*shape, 2 * l2 + 1)
            for l2 in range(degrees)
        ]
        mixed = [_mix(layer, l1, tensor) for l1, tensor in enumerate(features)]
        operands = [_operand(path, mixed[path.l1]) for path in layer.paths]
        outputs = [
            features[0].new_empty((channels, structures, sites, 2 * l3 + 1))
            for l3, channels in enumerate(layer.widths)
        ]
        for path, operand in zip(layer.paths, operands, strict=True):
            _send(path, kernels[path.l2], operand, outputs[path.l3][path.rows])
        ctx.layer, ctx.shapes = layer, [tensor.shape for tensor in features]
        ctx.save_for_backward(*kernels, *operands)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradients of the folded edges and of the features."""
        layer: Layer = ctx.layer
        degrees = len(layer.radial)
        kernels, operands = ctx.saved_tensors[:degrees], ctx.saved_tensors[degrees:]
        backs = [torch.empty_like(kernel) for kernel in kernels]
        mixed = [
            gradients[0].new_empty((shape[0] * shape[1], shape[2], layer.mixing[l1].shape[1]))
            for l1, shape in enumerate(ctx.shapes)
        ]
        for path, operand in zip(layer.paths, operands, strict=True):
            gradient = gradients[path.l3][path.rows]
            kernel, back = kernels[path.l2][path.channels], backs[path.l2][path.channels]
            found = _send_back(path, kernel, operand, gradient, back)
            _scatter_operand(path, found, mixed[path.l1])
        edges = [
            times_transposed(layer.radial_transposed[l2], back.view(len(back), -1).T).T
            for l2, back in enumerate(backs)
        ]
        features = [
            (tensor.view(-1, tensor.shape[2]) @ layer.mixing[l1].T).view(shape)
            for l1, (tensor, shape) in enumerate(zip(mixed, ctx.shapes, strict=True))
        ]
        return None, None, *edges, *features


def _mix(layer: Layer, l1: int, features: torch.Tensor) -> torch.Tensor:
    """Contract features with the couplings of all their paths: (merged, sites, columns)."""
    channels, structures, sites, components = features.shape
    mixed = features.reshape(-1, components) @ layer.mixing[l1]
    return mixed.view(channels * structures, sites, -1)


def _operand(path: Path, mixed: torch.Tensor) -> torch.Tensor:
    """Return the columns of a path as (merged, d3, sites x d2).

    A scalar couples to l2 = l3 only, by a factor: (merged, 1, sites).
    """
    merged, sites, _ = mixed.shape
    chosen = mixed[:, :, path.columns]
    if path.l1 == 0:
        return chosen.contiguous().view(merged, 1, sites)
    d2, d3 = 2 * path.l2 + 1, 2 * path.l3 + 1
    apart = chosen.unflatten(2, (d3, d2)).permute(0, 2, 1, 3)
    operand: torch.Tensor = apart.reshape(merged, d3, sites * d2)
    return operand


def _scatter_operand(path: Path, gradient: torch.Tensor, mixed: torch.Tensor) -> None:
    """Write the gradient of an operand to the columns of its path."""
    merged, sites, _ = mixed.shape
    target = mixed[:, :, path.columns]
    if path.l1 == 0:
        target.copy_(gradient.view(merged, sites, 1))
    else:
        d2, d3 = 2 * path.l2 + 1, 2 * path.l3 + 1
        apart = gradient.view(merged, d3, sites, d2).permute(0, 2, 1, 3)
        target.unflatten(2, (d3, d2)).copy_(apart)


def _send(path: Path, kernel: torch.Tensor, operand: torch.Tensor, output: torch.Tensor) -> None:
    """Write the messages of a path.

    The kernel of (s, n) is that of (n, s) times (-1)^l2. For scalars, whose operand has that
    factor, the sum over s then is a product of a row with a matrix.
    """
    merged, sites = len(operand), kernel.shape[2]
    weights = kernel[path.channels].view(merged, sites, -1)
    if path.l1 == 0:
        torch.bmm(operand, weights, out=output.view(merged, 1, -1))
    else:
        torch.bmm(weights, operand.transpose(1, 2), out=output.view(merged, sites, -1))


def _send_back(
    path: Path,
    kernel: torch.Tensor,
    operand: torch.Tensor,
    gradient: torch.Tensor,
    back: torch.Tensor,
) -> torch.Tensor:
    """Write the gradient of the kernel into `back`, return that of the operand."""
    merged, sites = len(operand), kernel.shape[2]
    weights, target = kernel.view(merged, sites, -1), back.view(merged, sites, -1)
    if path.l1 == 0:
        flat = gradient.reshape(merged, 1, -1)
        torch.mul(operand.transpose(1, 2), flat, out=target)
        return torch.bmm(flat, weights.transpose(1, 2))
    sent = gradient.reshape(merged, sites, -1)
    torch.bmm(sent, operand, out=target)
    return torch.bmm(sent.transpose(1, 2), weights)
