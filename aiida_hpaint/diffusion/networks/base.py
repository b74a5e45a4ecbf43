"""ScoreNetwork: what a sampler asks of a network, whatever its architecture."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from aiida_hpaint.diffusion.crystals import Crystals


class ScoreNetwork(Protocol):
    """Estimates the noise in the positions of the unknown sites.

    Networks are `torch.nn.Module`s, equivariant under rotations, reflections, permutations and
    translations; nothing may be exchanged between the structures of a batch.
    """

    def prepare(self, crystals: Crystals) -> Any:
        """What depends on cells, species and known sites alone, reused over the noise levels."""
        ...

    def __call__(self, crystals: Crystals, noise_levels: Tensor, prepared: Any) -> Tensor:
        """Noise estimate (B, N, 3), Cartesian and dimensionless.

        A site at x = x0 + sigma * noise has the score -noise / sigma.

        Parameters
        ----------
        crystals
            Noisy structures; only their `frac` may differ from those that were prepared.
        noise_levels
            (B, N) standard deviation sigma of the noise of each site in Å; 0 for known sites.
        prepared
            What `prepare` returned.
        """
        ...
