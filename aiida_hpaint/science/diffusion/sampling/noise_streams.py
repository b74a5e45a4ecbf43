"""NoiseStreams: random numbers for a batch, where each sample has a stream of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.cell_noise import symmetrise_normals
from aiida_hpaint.science.types import BoolArray, FloatArray


@dataclass(frozen=True)
class NoiseStreams:
    """Padded random numbers, in turn; those of a sample depend on its own stream alone.

    Attributes
    ----------
    streams
        One for each sample of the batch.
    like : (B, N, 3)
        Tensor whose shape, precision and device the numbers get.
    """

    streams: Sequence[np.random.Generator]
    like: Tensor

    def uniform(self, sites: Sequence[BoolArray]) -> Tensor:
        """Return numbers in [0, 1) for the sites of each sample (masks), zero elsewhere."""
        return self._fill(sites, lambda stream, count: stream.random((count, 3)))

    def normal(self, sites: Sequence[BoolArray]) -> Tensor:
        """Return standard normal numbers for the sites of each sample (masks), zero elsewhere."""
        return self._fill(sites, lambda stream, count: stream.standard_normal((count, 3)))

    def matrices(self) -> Tensor:
        """Return symmetric matrices (B, 3, 3) of standard normal numbers, one for each sample."""
        drawn = np.stack([stream.standard_normal((3, 3)) for stream in self.streams])
        return symmetrise_normals(torch.as_tensor(drawn)).to(self.like)

    def _fill(
        self,
        sites: Sequence[BoolArray],
        take: Callable[[np.random.Generator, int], FloatArray],
    ) -> Tensor:
        # As many numbers are taken as there are sites, whatever the padding: what a sample gets
        # must not depend on the largest structure of its batch. Double precision on every device.
        padded = np.zeros(tuple(self.like.shape))
        for row, (stream, mask) in enumerate(zip(self.streams, sites, strict=True)):
            padded[row, np.flatnonzero(mask)] = take(stream, int(mask.sum()))
        return torch.as_tensor(padded).to(self.like)
