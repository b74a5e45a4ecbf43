"""Agreement of an arrangement with the samples of its host."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import FloatArray, IntArray

FAR = 0.7
"""Distance in Å beyond which a sampled site does not count for a site of an arrangement."""


def measure_agreement(
    group: SymmetryGroup,
    frac: FloatArray,
    operations: IntArray,
    samples: FloatArray,
    weights: FloatArray,
) -> float:
    """Return the root mean square, over samples, of the share of an arrangement they have.

    The result is between 0 and 1. Because of the square, few samples with the whole arrangement
    count more than many with a part of it.

    Parameters
    ----------
    frac : (m, 3)
        The arrangement, fractional in the group's cell.
    operations : (d,)
        Operations, by index, that give all equivalent arrangements; each sample is compared with
        the most similar one.
    samples, weights : (s, m, 3), (s,)
        Samples, and the share of all samples that each represents.
    """
    images = group.images(frac, operations)
    shifts = wrap_differences(images[:, None, :, None] - samples[None, :, None])
    squares = ((shifts @ group.cell) ** 2).sum(-1).min(-1)
    shares = np.clip(1 - squares / FAR**2, 0, None).mean(-1).max(0)
    return float(np.sqrt((shares**2 * weights).sum() / weights.sum()))
