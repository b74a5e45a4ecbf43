"""How well an arrangement agrees with the samples of its host."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import FloatArray, IntArray

FAR = 0.7
"""Å, from which a sampled site does not count for the site of an arrangement."""


def measure_agreement(
    group: SymmetryGroup,
    frac: FloatArray,
    operations: IntArray,
    samples: FloatArray,
    weights: FloatArray,
) -> float:
    """Root mean square over samples of the share of an arrangement that they have, 0 to 1.

    The square makes a few samples that have all of it count for more than many that have some.

    Parameters
    ----------
    frac : (m, 3)
        The arrangement, fractional in the group's cell.
    operations : (d,)
        Operations, by index, that turn it into all arrangements that are equivalent to it; of
        these, each sample is compared with the one that is most like it.
    samples, weights : (s, m, 3), (s,)
        Samples, and the share of all samples that each stands for.
    """
    images = group.images(frac, operations)
    shifts = wrap_differences(images[:, None, :, None] - samples[None, :, None])
    squares = ((shifts @ group.cell) ** 2).sum(-1).min(-1)
    shares = np.clip(1 - squares / FAR**2, 0, None).mean(-1).max(0)
    return float(np.sqrt((shares**2 * weights).sum() / weights.sum()))
