"""Functions of the distance that span all radial weights of a network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST = 0.1
"""Å; shorter distances have the weights of this one."""
CARE_FROM = 0.5
"""Å; shorter distances, which no relaxed crystal has, have little weight in the choice of B."""
SPACING = 0.01
"""Å between the knots of the table."""
_SAMPLES = 360
"""Number of distances at which the weights are sampled."""
SLOPE_SCALE = 0.1
"""Å; an error of the slope counts as much as an error of the value times this length."""


@dataclass(frozen=True)
class RadialTable:
    """K functions of the distance as quintic splines.

    Attributes
    ----------
    coefficients : (intervals + 1, 6, K) floats
        Polynomials in the position within the interval (0 to 1); the last row is zero.
    cutoff : float
        In Å; the functions vanish from there on.
    """

    coefficients: torch.Tensor
    cutoff: float

    def to(self, device: str) -> RadialTable:
        """Return the same table on another device."""
        return RadialTable(self.coefficients.to(device), self.cutoff)

    def __call__(self, distances: torch.Tensor) -> torch.Tensor:
        """Return (E, K) values at the (E,) distances, differentiable."""
        values: torch.Tensor = _Lookup.apply(distances, self.coefficients, self.cutoff)  # type: ignore[no-untyped-call]
        return values


class _Lookup(torch.autograd.Function):
    """Values of the splines; the slopes come from the same polynomials."""

    @staticmethod
    def forward(
        ctx: Any, distances: torch.Tensor, coefficients: torch.Tensor, cutoff: float
    ) -> torch.Tensor:
        intervals = len(coefficients) - 1
        scale = intervals / (cutoff - SHORTEST)
        place = ((distances - SHORTEST) * scale).clamp(min=0.0)
        interval = place.floor().clamp(max=intervals)
        within = (place - interval).clamp(max=1.0)[:, None]
        rows = coefficients[interval.long()]
        values, slopes = rows[:, 5], torch.zeros_like(rows[:, 5])
        for power in range(4, -1, -1):
            slopes = torch.addcmul(values, slopes, within)
            values = torch.addcmul(rows[:, power], values, within)
        inside = (distances > SHORTEST)[:, None]
        ctx.save_for_backward(slopes * (scale * inside))
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return (gradients[0] * slopes).sum(dim=1), None, None


def span_weights(
    weights: Callable[[torch.Tensor], torch.Tensor], cutoff: float, rank: int
) -> tuple[RadialTable, torch.Tensor]:
    """Find the `rank` functions that represent all radial weights best, and their coefficients.

    The leading right singular vectors V of weights and slopes sampled over the distance span
    the weights; the functions B = w(r) V^T are tabulated, so that w(r) = B(r) V.

    Parameters
    ----------
    weights : function of distances (n,) in Å to weights (n, U), double precision
        All radial weights of a network, scaled to comparable size.
    cutoff : float
        In Å.
    rank : integer
        Number of functions.

    Returns
    -------
    table, coefficients : RadialTable and (rank, U) floats
    """
    distances = torch.linspace(SHORTEST, cutoff * (1 - 1e-6), _SAMPLES, dtype=torch.float64)
    values, slopes = _evaluate_with_slopes(weights, distances)
    care = torch.where(distances > CARE_FROM, 1.0, 0.01)[:, None]
    rows = torch.cat([values * care, SLOPE_SCALE * slopes * care])
    _, vectors = torch.linalg.eigh(rows @ rows.T)
    leading = vectors.flip(1)[:, :rank]
    span = torch.linalg.qr(rows.T @ leading).Q.T
    size = (values @ span.T).abs()[distances > CARE_FROM].amax(dim=0)
    span = span * size[:, None]
    projection = span.T / size.square()
    return _tabulate(lambda r: weights(r) @ projection, cutoff), span


def _evaluate_with_slopes(
    function: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of its first call
        results = torch.func.jvp(function, (at,), (torch.ones_like(at),))
    return results[0], results[1]


def _tabulate(function: Callable[[torch.Tensor], torch.Tensor], cutoff: float) -> RadialTable:
    """Return quintic Hermite splines: value, slope and curvature are exact at each knot.

    Each interval has its own limits, so that a kink of the cutoff function in a knot is exact.
    """
    intervals = round((cutoff - SHORTEST) / SPACING)
    knots = torch.linspace(SHORTEST, cutoff, intervals + 1, dtype=torch.float64)
    step = (cutoff - SHORTEST) / intervals
    f0, d0, c0 = _differentiate(function, knots[:-1] + 1e-9, step)
    f1, d1, c1 = _differentiate(function, knots[1:] - 1e-9, step)
    rise = f1 - f0 - d0 - 0.5 * c0
    turn = d1 - d0 - c0
    bend = c1 - c0
    polynomials = torch.stack(
        [
            f0,
            d0,
            0.5 * c0,
            10 * rise - 4 * turn + 0.5 * bend,
            -15 * rise + 7 * turn - bend,
            6 * rise - 3 * turn + 0.5 * bend,
        ],
        dim=1,
    )
    beyond = torch.zeros_like(polynomials[:1])
    return RadialTable(torch.cat([polynomials, beyond]).float(), cutoff)


def _differentiate(
    function: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor, step: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return value, slope and curvature, per interval instead of per Å."""

    def slopes(r: torch.Tensor) -> torch.Tensor:
        return _evaluate_with_slopes(function, r)[1]

    slope, curvature = _evaluate_with_slopes(slopes, at)
    return function(at), slope * step, curvature * step**2
