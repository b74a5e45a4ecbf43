"""ScoreNetwork: what a sampler asks of a network, whatever its architecture."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals


class ScoreNetwork(Protocol):
    """Estimates the noise in the positions of sites.

    Networks are `torch.nn.Module`s, equivariant under rotations, reflections, permutations and
    translations; nothing may be exchanged between the structures of a batch.
    """

    def prepare(self, crystals: Crystals) -> Any:
        """What depends on cells, species and unmoved sites alone, reused over the noise levels.

        Sites that are `unknown` may move afterwards, all others stay where they are.
        """
        ...

    def __call__(self, crystals: Crystals, noise_levels: Tensor, prepared: Any) -> Tensor:
        """Noise estimate (B, N, 3), dimensionless, along the axes of the model's noise.

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
        """Bytes that evaluating one structure takes, about: sites in a cell (3, 3), rows in Å."""
        ...
