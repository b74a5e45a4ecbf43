"""Matrix products of the folded network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Multiply(torch.autograd.Function):
    """matrix @ features, differentiable by the features; `transposed` is matrix.T."""

    @staticmethod
    def forward(
        ctx: Any, matrix: torch.Tensor, transposed: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        """Multiply (outputs, inputs) with (inputs, n)."""
        ctx.transposed = transposed
        return times_transposed(matrix, features.T)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        """Multiply (inputs, outputs) with (outputs, n)."""
        return None, None, times_transposed(ctx.transposed, gradients[0].T)


def times_transposed(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return left @ right.T, outside of autograd.

    On CPUs oneDNN does this: the MKL behind `torch.mm` reaches half its speed on AMD processors.
    torch exposes oneDNN's product of plain tensors only as the operator that its own compiler
    calls, so `torch.mm` stands in wherever that is missing or does something else.
    """
    if left.device.type != "cpu" or left.dtype != torch.float32:
        return left @ right.T
    return _on_cpu(_pack(left), _pack(right))


def _pack(matrix: torch.Tensor) -> torch.Tensor:
    """Return the matrix without gaps between rows or columns, which slow oneDNN down a lot."""
    packed = matrix.is_contiguous() or matrix.T.is_contiguous()
    return matrix if packed else matrix.contiguous()


def _choose_product() -> Product:
    try:
        operator = torch.ops.mkldnn._linear_pointwise

        def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = operator(left, right, None, "none", [], "")
            return result

        left = torch.arange(6, dtype=torch.float32).view(2, 3)
        right = torch.arange(12, dtype=torch.float32).view(3, 4).T
        if torch.equal(product(left, right), left @ right.T):
            return product
    except (AttributeError, RuntimeError, TypeError):
        pass
    return lambda left, right: left @ right.T


_on_cpu = _choose_product()
