"""Success rates of restorations, with standard errors and confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000
"""Number of bootstrap samples."""

Z_95 = 1.959964
"""Half width of the central 95 % of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Rate:
    """A rate with its bootstrap standard error over n hosts.

    At 0 or 100 % every resampled set of hosts is the same, so that the standard error is 0
    however few they are; the interval is meaningful there too.
    """

    value: float
    error: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval, see `compute_wilson_interval`."""
        return compute_wilson_interval(self.value, self.n)[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return compute_wilson_interval(self.value, self.n)[1]

    @property
    def interval(self) -> str:
        """The 95 % interval in per cent, as text."""
        return f"{100 * self.low:.0f} to {100 * self.high:.0f}"

    def as_json(self) -> dict[str, float | int]:
        """Return value, standard error, n, and both ends of the 95 % interval."""
        found = {"value": self.value, "error": self.error, "n": self.n}
        return {**found, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % ({self.interval})"


def compute_wilson_interval(value: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a rate of n independent hosts (Wilson 1927, JASA 22, 209).

    It stays within 0 to 1 and has a width at 0 and at 1. For means of values between 0 and 1, such
    as the share of a host's samples that match, it is conservative: their variance is at most that
    of a yes-or-no variable with the same mean.
    """
    weight = Z_95**2 / n
    centre = (value + weight / 2) / (1 + weight)
    half = Z_95 * sqrt(value * (1 - value) / n + weight / (4 * n)) / (1 + weight)
    # Rounding errors could exclude the rate itself where it is 0 or 1.
    return min(max(centre - half, 0.0), value), max(min(centre + half, 1.0), value)


def estimate_rate(successes: ArrayLike, seed: int = 0) -> Rate:
    """Estimate the mean of (hosts,) or (hosts, samples) successes; the error resamples hosts."""
    values = np.asarray(successes, dtype=np.float64)
    by_host = values.reshape(len(values), -1).mean(1)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(by_host), (RESAMPLES, len(by_host)))
    return Rate(float(by_host.mean()), float(by_host[picks].mean(1).std()), len(by_host))


def estimate_rate_as_json(successes: Sequence[Any]) -> dict[str, Any]:
    """Return `estimate_rate` as JSON; all values are None if there are no hosts."""
    if not successes:
        return {"value": None, "error": None, "n": 0, "low": None, "high": None}
    return estimate_rate(successes).as_json()


def is_lower_energy_success(matched: ArrayLike, energy_differences: ArrayLike) -> NDArray[np.bool_]:
    """Return (hosts,) whether each prediction matches the reference or is lower in energy.

    This is the lower-energy success (LES) of Reents et al. (arXiv:2601.01959, section II).

    Parameters
    ----------
    matched
        (hosts,) whether prediction and reference match.
    energy_differences
        (hosts,) energy of the prediction minus that of the reference, NaN without a prediction.
    """
    lower = np.nan_to_num(np.asarray(energy_differences, dtype=np.float64), nan=np.inf) < 0
    return np.asarray(np.asarray(matched, dtype=bool) | lower)
