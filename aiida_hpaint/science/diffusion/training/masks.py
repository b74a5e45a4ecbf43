"""Masks: which sites of a training structure are noisy, and at which time of the noise."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiida_hpaint.science.settings import Settings


class MaskSettings(Settings):
    """Settings of the noisy sites in training."""

    kind: Literal["task", "uniform", "td", "none"] = Field(
        "task",
        description="'task': all sites of one element, like the real task; 'uniform': each site "
        "is known and clean with probability `known`; 'td': all sites are noisy, each of them at "
        "time `t_replace` with probability `p_replace` (TD-Paint, arXiv:2410.09306); 'none': all "
        "sites are noisy at one time, for `pos-only` and `baseline` sampling",
    )
    focus: int = Field(
        1, description="atomic number of the element that the model is meant to restore"
    )
    focus_probability: float = Field(
        0.8, ge=0, le=1, description="probability of all sites of the focus"
    )
    element_probability: float = Field(
        0.6, ge=0, le=1, description="otherwise, probability of all sites of one element"
    )
    known: float = Field(0.2, ge=0, le=1, description="probability of a known site, for 'uniform'")
    p_replace: float = Field(0.2, ge=0, lt=1, description="probability of a known site, for 'td'")
    budget_probability: float = Field(
        0.0,
        ge=0,
        le=1,
        description="where all sites of the focus are noisy, probability that the network is told "
        "how many of them each known site carries; needs a network with `budget`",
    )
    t_replace: float = Field(0.001, ge=0, lt=1, description="time of known sites, for 'td'")


def draw_mask(
    numbers: NDArray[np.integer], settings: MaskSettings, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return a mask (n,) of noisy sites, at least one; 'task' keeps one of several clean."""
    if settings.kind in ("td", "none"):
        return np.ones(len(numbers), dtype=bool)
    if settings.kind == "uniform":
        mask = rng.random(len(numbers)) >= settings.known
        if not mask.any():
            mask[rng.integers(len(mask))] = True
        return mask
    elements = np.unique(numbers)
    several = len(elements) > 1
    if several and settings.focus in elements and rng.random() < settings.focus_probability:
        return np.asarray(numbers == settings.focus)
    if several and rng.random() < settings.element_probability:
        return np.asarray(numbers == rng.choice(elements))
    return _random_subset(len(numbers), rng)


def draw_times(
    mask: NDArray[np.bool_], settings: MaskSettings, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the times (m,), 0 to 1, of the noisy sites of one structure."""
    times = np.full(int(mask.sum()), rng.random())
    if settings.kind == "td":
        times[rng.random(len(times)) < settings.p_replace] = settings.t_replace
    return times


def _random_subset(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    hidden = int(rng.integers(1, size)) if size > 1 else 1
    mask = np.zeros(size, dtype=bool)
    mask[rng.permutation(size)[:hidden]] = True
    return mask
