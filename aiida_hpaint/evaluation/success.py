"""Success rates: how often a restoration is right, and how sure that figure is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Rate:
    """A rate with its bootstrap standard error over n hosts."""

    value: float
    error: float
    n: int

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ± {100 * self.error:.1f} %"


def success_rate(successes: ArrayLike, seed: int = 0) -> Rate:
    """Mean of (hosts,) or (hosts, samples) successes; hosts are resampled for the error."""
    values = np.asarray(successes, dtype=np.float64)
    by_host = values.reshape(len(values), -1).mean(1)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(by_host), (RESAMPLES, len(by_host)))
    return Rate(float(by_host.mean()), float(by_host[picks].mean(1).std()), len(by_host))


def lower_energy_or_match(matched: ArrayLike, energy_differences: ArrayLike) -> NDArray[np.bool_]:
    """(hosts,) LES successes: the prediction matches the reference or is lower in energy.

    The lower-energy success of Reents et al. (arXiv:2601.01959, section II).

    Parameters
    ----------
    matched
        (hosts,) whether prediction and reference match.
    energy_differences
        (hosts,) energy of the prediction minus that of the reference, NaN without a prediction.
    """
    lower = np.nan_to_num(np.asarray(energy_differences, dtype=np.float64), nan=np.inf) < 0
    return np.asarray(np.asarray(matched, dtype=bool) | lower)
