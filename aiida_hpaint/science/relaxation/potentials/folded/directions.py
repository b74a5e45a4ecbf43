"""Spherical harmonics of edge vectors as polynomials, read from the module that defines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from aiida_hpaint.science.relaxation.potentials.folded.parts import NotFoldableError

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLES = 200
_EXACT = 1e-10


@dataclass(frozen=True)
class Directions:
    """Real spherical harmonics up to some degree, of vectors of any length.

    Attributes
    ----------
    polynomials : (3^l, 2 l + 1) floats for each degree l
        Factors of the products of l components of the unit vector.
    """

    polynomials: tuple[torch.Tensor, ...]

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return (E, components of all degrees) of (E, 3) vectors, differentiable."""
        unit = torch.nn.functional.normalize(vectors, dim=1)
        powers = _raise(unit, len(self.polynomials) - 1)
        return torch.cat([p @ c for p, c in zip(powers, self.polynomials, strict=True)], dim=1)


def read_directions(harmonics: Callable[[torch.Tensor], torch.Tensor], degree: int) -> Directions:
    """Read spherical harmonics up to a degree.

    Parameters
    ----------
    harmonics : function of (E, 3) vectors to (E, (degree + 1)^2) values
        In double precision; the components of each degree follow those of the one below.
    degree : integer
        Largest degree l.

    Raises
    ------
    NotFoldableError
        If the values of a degree are no homogeneous polynomials of it in the unit vector.
    """
    # Of squares: three sines of equal steps would lie in a plane.
    grid = torch.sin(torch.arange(3 * _SAMPLES, dtype=torch.float64).square()).view(-1, 3)
    powers = _raise(torch.nn.functional.normalize(grid, dim=1), degree)
    values = harmonics(grid).split([2 * l + 1 for l in range(degree + 1)], dim=1)  # noqa: E741
    found = []
    for power, value in zip(powers, values, strict=True):
        # Products that differ by the order of factors are equal: the least norm shares them out.
        polynomial = torch.linalg.pinv(power, rtol=_EXACT) @ value
        if not torch.allclose(power @ polynomial, value, rtol=0, atol=_EXACT):
            raise NotFoldableError("edge directions that are no spherical harmonics")
        found.append(polynomial)
    return Directions(tuple(found))


def _raise(unit: torch.Tensor, degree: int) -> list[torch.Tensor]:
    """Return the (E, 3^l) products of l components, for each l up to `degree`."""
    powers = [torch.ones_like(unit[:, :1])]
    for _ in range(degree):
        powers.append((powers[-1][:, :, None] * unit[:, None, :]).flatten(1))
    return powers
