"""Random numbers of one sample, independent of all other samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def make_random_stream(
    seed: int, sample: int, numbers: NDArray[np.int64], inserted: NDArray[np.bool_]
) -> np.random.Generator:
    """Generator keyed by the seed, the sample's index and the composition of the host.

    The composition stands for the host because it survives rotation, permutation and any change
    of label; hosts of the same composition share noise and differ in their sites.
    """
    species = [*sorted(numbers[~inserted].tolist()), 0, *numbers[inserted].tolist()]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, sample, *species])))
