"""Weights that are random and yet the same everywhere, so that none have to be stored."""

from __future__ import annotations

import math
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@torch.no_grad()
def fill(module: nn.Module, seed: int) -> None:
    """Overwrite all parameters, each with numbers that depend on its name and the seed alone.

    Scalars, which are scale factors, keep their values.
    """
    for name, parameter in module.named_parameters():
        if parameter.ndim > 0:
            parameter.copy_(torch.as_tensor(draw(name, tuple(parameter.shape), seed)))


def draw(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Normal numbers of the standard deviation `scale`."""
    generator = np.random.default_rng([seed, crc32(name.encode())])
    return generator.standard_normal(shape) * scale(name, shape)


def scale(name: str, shape: tuple[int, ...]) -> float:
    """Standard deviation of a parameter, such that outputs are of the order of one."""
    if len(shape) == 1:
        return 0.1
    if name.endswith(("embedding.weight", "embeddings.weight")):
        return 1.0
    inputs = shape[:-1] if len(shape) == 3 else shape[1:]
    return _gain(name) / math.sqrt(math.prod(inputs))


def _gain(name: str) -> float:
    # The scale factors suit trained networks and fewer neighbours: without these gains each block
    # would multiply its input by ten.
    if "rbf" in name:
        return 0.5
    return 2.0 if "out_forces" in name else 1.0
