"""Recorder: the oracle's random numbers, drawn by us and kept for the replay."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor


class Recorder:
    """Gives torch's normal random numbers inside a `with` block, and keeps them.

    Attributes
    ----------
    taken
        The numbers in the order in which they were asked for.
    """

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng([2026, seed])
        self.taken: list[Tensor] = []
        self._patches = [
            patch.object(torch, "randn", lambda *shape, **_: self._take(shape)),
            patch.object(torch, "randn_like", lambda tensor: self._take(tensor.shape)),
        ]

    def normal(self, shape: Any) -> Tensor:
        """Numbers from the same generator that are not kept."""
        drawn = torch.as_tensor(self.generator.standard_normal(tuple(shape)))
        return drawn.to(torch.get_default_dtype())

    def _take(self, shape: Any) -> Tensor:
        self.taken.append(self.normal(shape))
        return self.taken[-1]

    def __enter__(self) -> Recorder:
        for entry in self._patches:
            entry.start()
        return self

    def __exit__(self, *_: object) -> None:
        for entry in self._patches:
            entry.stop()
