"""Kicks: the random numbers of the samples in a batch, each from its own generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class NoiseStreams:
    """Draws padded random numbers in turn; a sample's depend on its own generator alone.

    Attributes
    ----------
    generators
        One for each sample of the batch.
    like : (B, N, 3)
        Tensor whose shape, precision and device the numbers get.
    """

    generators: Sequence[np.random.Generator]
    like: Tensor

    def uniform(self, sites: Sequence[NDArray[np.bool_]]) -> Tensor:
        """Numbers in [0, 1) for the sites of each sample (masks), zero elsewhere."""
        return self._padded([g.random((int(m.sum()), 3)) for g, m in self._pairs(sites)], sites)

    def normal(self, sites: Sequence[NDArray[np.bool_]]) -> Tensor:
        """Standard normal numbers for the sites of each sample (masks), zero elsewhere."""
        drawn = [g.standard_normal((int(m.sum()), 3)) for g, m in self._pairs(sites)]
        return self._padded(drawn, sites)

    def _pairs(
        self, sites: Sequence[NDArray[np.bool_]]
    ) -> list[tuple[np.random.Generator, NDArray[np.bool_]]]:
        return list(zip(self.generators, sites, strict=True))

    def _padded(
        self, drawn: Sequence[NDArray[np.float64]], sites: Sequence[NDArray[np.bool_]]
    ) -> Tensor:
        padded = np.zeros(tuple(self.like.shape))
        for row, (numbers, mask) in enumerate(zip(drawn, sites, strict=True)):
            padded[row, np.where(mask)[0]] = numbers
        return torch.as_tensor(padded).to(self.like)
