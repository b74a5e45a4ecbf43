"""Pairs of sites that have an edge, as the compiled loops visit them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch


@dataclass(frozen=True)
class Links:
    """P pairs of sites that have an edge, each in one of both directions.

    Attributes
    ----------
    first, second : (P,) integers
        Sites.
    which : (P,) integers
        Row of the kernels of each pair.
    """

    first: torch.Tensor
    second: torch.Tensor
    which: torch.Tensor

    def cut(self, starts: torch.Tensor) -> list[Links]:
        """Return the pairs between the sites from each of some starts to the next."""
        bounds = [*torch.searchsorted(self.first, starts).tolist(), len(self.first)]
        return [
            Links(*(ends[start:stop] for ends in (self.first, self.second, self.which)))
            for start, stop in pairwise(bounds)
        ]


@dataclass(frozen=True)
class HostKernels:
    """Kernels between the sites of a host that stand still, which serve all of its samples.

    Attributes
    ----------
    links : Links
        Pairs of these sites.
    kernels : (P, 2 l2 + 1, channels) for each layer and l2
    """

    links: Links
    kernels: tuple[tuple[torch.Tensor, ...], ...]

    @property
    def bytes(self) -> int:
        """Memory of the kernels."""
        return sum(tensor.nbytes for layer in self.kernels for tensor in layer)

    def repeat(self, starts: torch.Tensor) -> Links:
        """Return the pairs of samples that begin at these sites, those of a kernel together."""
        first, second = (
            (sites[:, None] + starts).reshape(-1) for sites in (self.links.first, self.links.second)
        )
        return Links(first, second, self.links.which.repeat_interleave(len(starts)))


def link_pairs(first: torch.Tensor, second: torch.Tensor, sites: int) -> tuple[Links, torch.Tensor]:
    """Return the pairs that some edges belong to, and the row of the pair of each edge."""
    keys, row = torch.unique(first * sites + second, return_inverse=True)
    ends = torch.div(keys, sites, rounding_mode="floor"), keys % sites
    return Links(*ends, torch.arange(len(keys))), row
