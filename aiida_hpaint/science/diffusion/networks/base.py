"""ScoreNetwork: the interface between samplers and networks of any architecture."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals

WIDEST, MOST = 8192, 100
"""Largest numbers of channels and of layers: small files may claim any size."""


class ScoreNetwork(Protocol):
    """Network that estimates the noise in the positions of sites.

    A network is a `torch.nn.Module`, equivariant under rotations, reflections, permutations and
    translations. The estimate for a structure must not depend on the others of its batch.
    """

    def prepare(self, crystals: Crystals) -> Any:
        """Compute once, for all noise levels, what depends on cells, species and fixed sites alone.

        Sites that are `unknown` may move afterwards; all others stay.
        """
        ...

    def __call__(self, crystals: Crystals, noise_levels: Tensor, prepared: Any) -> Tensor:
        """Estimate noise (B, N, 3), dimensionless, along the axes of the model's noise.

        A site at x = x0 + sigma * noise has the score -noise / sigma. The axes are Cartesian or
        fractional, see `aiida_hpaint.science.diffusion.noise.Noise.axes`.

        Parameters
        ----------
        crystals
            Noisy structures; only their `frac` may differ from those that were prepared, and
            only at `unknown` sites.
        noise_levels
            (B, N) standard deviation sigma of the noise of each site, in the units of the model's
            noise (Å or fractional); 0 for sites that are known to be clean.
        prepared
            What `prepare` returned, or None.
        """
        ...

    def memory(self, sites: int, cell: NDArray[np.float64]) -> float:
        """Estimate the bytes that evaluating a structure takes: sites in a cell (3, 3), Å."""
        ...


class CellScoreNetwork(ScoreNetwork, Protocol):
    """Score network of a model whose card has `cell`: it estimates the noise in cells, too."""

    def estimate_with_cells(
        self, crystals: Crystals, noise_levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Estimate noise of positions (B, N, 3) and of cells (B, 3, 3), both dimensionless.

        Cells are symmetric lattice matrices; a cell L = mean + sigma * noise has the score
        -noise / sigma. All of `crystals` may differ from one evaluation to the next.
        """
        ...
