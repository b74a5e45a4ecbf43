"""Which steps of a way are recorded, and how many of them fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.sampling.schedule import path_of
from aiida_hpaint.science.settings import SamplingSettings

LARGEST = 2**30
"""Bytes that a trajectory may have."""


def kept_steps(settings: SamplingSettings) -> NDArray[np.int64]:
    """(F,) steps that are recorded, counted from 1: every n-th and the last.

    `way` and `steps` have to be set in the settings.
    """
    last, every = len(path_of(settings)) - 1, settings.record or 1
    return np.unique([*range(every, last + 1, every), last])


def refuse_large(sites: int, settings: SamplingSettings) -> None:
    """Refuse a recording of too many sought sites; `way` and `steps` are set.

    Raises
    ------
    ValueError
        If positions and means take more than `LARGEST`.
    """
    steps = len(kept_steps(settings))
    size = (2 * steps + 1) * sites * 12
    if size > LARGEST:
        every = (settings.record or 1) * -(-size // LARGEST)
        raise ValueError(
            f"recording {steps} steps of {sites} sites takes {size / 2**30:.1f} GiB, more than "
            f"{LARGEST / 2**30:g}: keep one step in {every} with sampling.record={every}, or draw "
            "fewer samples at once"
        )
