"""The sum over edges that is done in advance: edges folded onto pairs of sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Mirror:
    """The pair (n, s) with n <= s that represents each pair of S structures with N sites.

    Attributes
    ----------
    halves : integer
        Number of pairs with n <= s.
    source : (S N N,) integers
        The pair with n <= s for each pair.
    turned : (S N N,) floats
        -1 for pairs with n > s, whose vectors point the other way, else 1.
    """

    halves: int
    source: torch.Tensor
    turned: torch.Tensor

    @classmethod
    def of(cls, structures: int, sites: int, device: torch.device) -> Mirror:
        """Return the pairs of structures with equally many sites."""
        first = torch.arange(sites, device=device)[:, None].expand(sites, sites)
        lower, upper = torch.minimum(first, first.T), torch.maximum(first, first.T)
        half = (lower * (2 * sites - lower + 1)) // 2 + upper - lower
        count = sites * (sites + 1) // 2
        offsets = count * torch.arange(structures, device=device)[:, None]
        turned = torch.where(first > first.T, -1.0, 1.0).reshape(1, -1)
        return cls(
            halves=structures * count,
            source=(offsets + half.reshape(1, -1)).reshape(-1),
            turned=turned.expand(structures, -1).reshape(-1),
        )


class Fold(torch.autograd.Function):
    """Radial functions times directions, summed over the images of each pair.

    Edges from n to s > n come once; those from s to n are their mirror images, and their
    directions of odd l change sign. Edges from a site to its own images come in both directions.
    Outputs are (pairs x components, rank) for each l, ready for matrix products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        radial: torch.Tensor,
        directions: torch.Tensor,
        halves: torch.Tensor,
        mirror: Mirror,
        widths: tuple[int, ...],
    ) -> Any:
        """Fold E edges; `halves` (E,) is the pair with n <= s that each belongs to."""
        rank = radial.shape[1]
        outputs = []
        for l, part in enumerate(directions.split(list(widths), dim=1)):  # noqa: E741
            outer = part[:, :, None] * radial[:, None, :]
            folded = outer.new_zeros((mirror.halves, widths[l], rank))
            folded.index_add_(0, halves, outer)
            full = folded.index_select(0, mirror.source)
            if l % 2 == 1:
                full *= mirror.turned[:, None, None]
            outputs.append(full.view(-1, rank))
        ctx.save_for_backward(radial, directions, halves)
        ctx.mirror, ctx.widths = mirror, widths
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradients of radial functions and directions."""
        radial, directions, halves = ctx.saved_tensors
        mirror, rank = ctx.mirror, radial.shape[1]
        parts = []
        for l, gradient in enumerate(gradients):  # noqa: E741
            full = gradient.reshape(-1, ctx.widths[l], rank)
            if l % 2 == 1:
                full = full * mirror.turned[:, None, None]
            folded = full.new_zeros((mirror.halves, *full.shape[1:]))
            parts.append(folded.index_add_(0, mirror.source, full))
        of_edges = torch.cat(parts, dim=1).index_select(0, halves)
        to_radial = torch.bmm(directions[:, None, :], of_edges)[:, 0]
        to_directions = torch.bmm(of_edges, radial[:, :, None])[:, :, 0]
        return to_radial, to_directions, None, None, None
