"""What a sampler does before any tensor: its settings, the order of noise levels, the recording."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.models.cards import ModelCard
from aiida_hpaint.science.settings import SamplingSettings

LARGEST_RECORDING = 2**30
"""Largest size of a trajectory, bytes."""


def resolve_settings(settings: SamplingSettings, card: ModelCard) -> SamplingSettings:
    """Return the settings with what is unset as the model's card recommends.

    Raises
    ------
    ValueError
        If the last noise level is not below the first, or no level is as low as `cell_start`.
    """
    defaults = card.sampling.model_dump()
    filled = {key: value for key, value in defaults.items() if getattr(settings, key) is None}
    steps = settings.steps or card.sampling.steps
    if settings.last_time is None:
        # MatterGen stops at 1/steps, so that one more interval would reach time 0
        filled["last_time"] = 1 / steps if card.noise.kind == "fractional" else 0.0
    resolved = settings.model_copy(update=filled)
    assert resolved.last_time is not None
    if resolved.last_time >= resolved.start_time:
        raise ValueError(
            f"sampling.last_time {resolved.last_time:g} is not below start_time "
            f"{resolved.start_time:g}: noise has to fall"
        )
    if resolved.cell == "free" and resolved.last_time > resolved.cell_start:
        raise ValueError(
            f"sampling.cell_start {resolved.cell_start:g} is below the last noise level, at time "
            f"{resolved.last_time:g}, so that the cell would never change: raise it, or steps"
        )
    return resolved


def order_visits(steps: int, resamplings: int = 1, jump: int = 1) -> list[int]:
    """Return indices of noise levels in the order of their visits: 0 is the first, `steps` clean.

    With one sampling, straight down. With more, as in RePaint (Lugmayr et al., arXiv:2201.09865,
    algorithm 1 and appendix B): every `jump` levels the sample goes `jump` levels back up, and
    the stretch is sampled again, `resamplings` times in all. 200 levels, 3 samplings and jumps of
    10 make 961 visits, hence 580 evaluations of the network.

    Parameters
    ----------
    steps
        Number of noise levels.
    resamplings
        How often each stretch is sampled.
    jump
        Number of levels of a stretch.
    """
    # Heights count levels from the clean end, and the indices that are returned from the noisy one.
    left = dict.fromkeys(range(0, steps - jump, jump), resamplings - 1)
    path = []
    height = steps
    while height >= 1:
        height -= 1
        path.append(height)
        if left.get(height, 0) > 0:
            left[height] -= 1
            path.extend(range(height + 1, height + jump + 1))
            height += jump
    return [steps - 1 - height for height in path] + [steps]


def plan_visits(settings: SamplingSettings) -> list[int]:
    """Return the order of visits for resolved settings."""
    assert settings.steps is not None
    again = settings.resamplings if settings.scheme == "repaint" else 1
    return order_visits(settings.steps, again, settings.jump)


def count_evaluations(path: list[int], corrector_steps: int) -> int:
    """Return the number of evaluations of the network on a path over the noise levels."""
    falls = sum(there > here for here, there in itertools.pairwise(path))
    return falls * (1 + corrector_steps)


def list_recorded_steps(settings: SamplingSettings) -> NDArray[np.int64]:
    """Return the steps (F,) that are recorded, counted from 1: every n-th and the last."""
    last, every = len(plan_visits(settings)) - 1, settings.record or 1
    return np.unique([*range(every, last + 1, every), last])


def refuse_large_recording(sites: int, settings: SamplingSettings) -> None:
    """Refuse a recording of too many inserted sites; settings are resolved.

    Raises
    ------
    ValueError
        If positions and means take more than `LARGEST_RECORDING`.
    """
    steps = len(list_recorded_steps(settings))
    size = (2 * steps + 1) * sites * 12
    if size > LARGEST_RECORDING:
        every = (settings.record or 1) * -(-size // LARGEST_RECORDING)
        raise ValueError(
            f"recording {steps} steps of {sites} sites takes {size / 2**30:.1f} GiB, more than "
            f"{LARGEST_RECORDING / 2**30:g}: keep one step in {every} with "
            f"sampling.record={every}, or sample less at once"
        )
