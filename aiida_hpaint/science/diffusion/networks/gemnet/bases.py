"""Functions of distances, angles and times that are GemNet's input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.networks.gemnet.layers import he_orthogonal_


class Precise(nn.Module):
    """Module whose buffers stay in single precision if the network is cast to less."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        before = dict(self.named_buffers(recurse=False))
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in before.items():
            after = getattr(self, name)
            if after.dtype.itemsize < 4:
                setattr(self, name, buffer.to(after.device))
        return self


class Gaussians(Precise):
    """Gaussians of scaled distances, evenly spaced from 0 to 1."""

    offset: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        offset = space_evenly(size)
        # The published weights were fitted to the width that single precision gives.
        self.exponent = -0.5 / float(offset[1] - offset[0]) ** 2
        self.register_buffer("offset", offset)

    def forward(self, scaled: Tensor) -> Tensor:
        """Compute functions (E, R) of scaled distances (E,)."""
        return torch.exp(self.exponent * (scaled[:, None] - self.offset) ** 2)


class RadialBasis(nn.Module):
    """Gaussians under a polynomial envelope that ends smoothly at the cutoff.

    The envelope is that of DimeNet (Gasteiger et al., arXiv:2003.03123, eq. 8) with p = 5.
    """

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.rbf = Gaussians(size)

    def forward(self, distances: Tensor) -> Tensor:
        """Compute functions (E, R) of distances (E,) in Å."""
        scaled = distances * (1 / self.cutoff)
        return torch.as_tensor(envelope(scaled)[:, None] * self.rbf(scaled))


class CircularBasis(nn.Module):
    """Radial part of the circular basis; its angular part has no parameters."""

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        self.radial_basis = RadialBasis(size, cutoff)


class CircularProjection(nn.Module):
    """Projection of radial functions to few channels, one for each angular function."""

    def __init__(self, spherical: int, radial: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(spherical, radial, width))
        he_orthogonal_(self.weight)

    def forward(self, radial: Tensor) -> Tensor:
        """Project radial functions (E, R); returns (E, C, L)."""
        angular, functions, width = self.weight.shape
        columns = self.weight.permute(1, 2, 0).reshape(functions, width * angular)
        return (radial @ columns).view(len(radial), width, angular)


class TimeEncoding(Precise):
    """Sines and cosines of a time, alternating.

    The rates are exponentials of numbers in single precision, as in MatterGen, whose checkpoints
    hold them. How an exponential in single precision is rounded is the processor's choice (of 256
    rates, MKL gives 2 to 13 that differ by one unit in the last place from one of its code paths
    to the next), and a double precision network would keep that error of 6e-8: an exponential in
    double precision, rounded once, is the same everywhere.
    """

    div_term: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        steps = torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width)
        self.register_buffer("div_term", torch.exp(steps.double()).float())

    def forward(self, times: Tensor) -> Tensor:
        """Encode times (A,) between 0 and 1; returns (A, W)."""
        phases = times[:, None] * self.div_term
        return torch.stack([phases.sin(), phases.cos()], -1).flatten(1)


def space_evenly(size: int) -> Tensor:
    """Return numbers (size,) from 0 to 1 in single precision, the same on every processor.

    These are the numbers of `torch.linspace` on vectorised processors, and so of MatterGen's
    checkpoints: multiples of the rounded step, counted from the nearer end. Without vector
    instructions torch rounds once more.
    """
    # Networks are built on the device "meta", without memory, before weights are loaded; these
    # numbers are not weights.
    count = torch.arange(size, dtype=torch.float64, device="cpu")
    step = float(1 / torch.tensor(size - 1, dtype=torch.float32, device="cpu"))
    rising, falling = count * step, 1 - (size - 1 - count) * step
    return torch.where(count < size // 2, rising, falling).float()


def envelope(scaled: Tensor) -> Tensor:
    """Return 1 at distance 0, and 0 with its first two derivatives from scaled distance 1 on."""
    power = scaled**5
    inside = 1 + power * (-21 + scaled * (35 - 15 * scaled))
    return torch.where(scaled < 1, inside, torch.zeros_like(inside))


def compute_harmonics(cosines: Tensor, size: int, first: Tensor) -> Tensor:
    """Compute spherical harmonics Y_l0 (A, L, ...) of cosines (A, ...), times the mask `first`.

    Bonnet's recurrence for the Legendre polynomials P_l; Y_l0 = sqrt((2 l + 1) / 4 pi) P_l.
    """
    terms = [first.expand_as(cosines), cosines * first][:size]
    for degree in range(2, size):
        step = (2 * degree - 1) * cosines * terms[-1] - (degree - 1) * terms[-2]
        terms.append(step / degree)
    norms = [math.sqrt((2 * degree + 1) / (4 * math.pi)) for degree in range(size)]
    return torch.stack([norm * term for norm, term in zip(norms, terms, strict=True)], 1)
