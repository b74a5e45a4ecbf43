"""How far results may be apart that only rounding tells apart, from the arithmetic alone.

Processors and their libraries add up in different orders and round elementary functions in
different ways, so a tolerance that was measured on one of them says nothing about the next.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

SIGMAS = 4.0
"""Standard deviations that a difference may have; one in 16,000 is larger if it is normal."""


def unit(dtype: torch.dtype) -> float:
    """Largest relative error of one rounding."""
    return torch.finfo(dtype).eps / 2


def bound(dtype: torch.dtype, terms: int, slope: float = 0.0) -> float:
    """Largest relative difference of two evaluations whose roundings are independent.

    Rounding errors of mean zero add up like a random walk: those of n additions one after another
    grow as sqrt(n) (Higham and Mary, SIAM J. Sci. Comput. 41, A2815, 2019). What is added in
    blocks, as libraries do, stays below that.

    Parameters
    ----------
    dtype
        Format that both compute in.
    terms
        Numbers that are added up, over all sums on the longest way from the input to the result.
    slope
        Relative change of the result by one of the input, where that exceeds one; the input is
        taken to be rounded once.
    """
    return SIGMAS * unit(dtype) * math.sqrt(2 * (terms + slope**2))


def error(found: Tensor, exact: Tensor) -> float:
    """Root mean square of a deviation over that of the exact result."""
    apart = found.double() - exact
    return float(apart.square().mean().sqrt() / exact.square().mean().sqrt())


def with_rounded_weights(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy that computes as before, but whose weights were rounded to a format.

    How much this changes a result in double precision is the yardstick for computing in that
    format: it has the same relative errors, without any choice of a library.
    """
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.to(dtype))
    return rounded
