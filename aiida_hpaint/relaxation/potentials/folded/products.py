"""Matrix products of the folded network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def times_transposed(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left @ right.T, outside of autograd.

    On CPUs oneDNN does this: the MKL behind `torch.mm` reaches half its speed on AMD processors.
    torch exposes oneDNN's product of plain tensors only as the operator that its own compiler
    calls, so `torch.mm` stands in wherever that is missing or does something else.
    """
    if left.device.type != "cpu":
        return left @ right.T
    return _on_cpu(_packed(left), _packed(right))


def _packed(matrix: torch.Tensor) -> torch.Tensor:
    """Without gaps between the rows or the columns: anything else is very slow in oneDNN."""
    packed = matrix.is_contiguous() or matrix.T.is_contiguous()
    return matrix if packed else matrix.contiguous()


def _choose() -> Product:
    try:
        operator = torch.ops.mkldnn._linear_pointwise

        def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = operator(left, right, None, "none", [], "")
            return result

        left, right = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(3, 4).T
        if torch.equal(product(left, right), left @ right.T):
            return product
    except (AttributeError, RuntimeError, TypeError):
        pass
    return lambda left, right: left @ right.T


_on_cpu = _choose()
