"""What samples say of their H in geometric positions."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.primitive import CELL_REPEATS

GEOMETRIC = "geometric"
"""Key of the metadata of samples: how many of their H began so, in the cell that was searched."""


def count_geometric(sample: StructureBatch) -> int:
    """Return how many inserted H of one sample began in geometric positions."""
    repeats = int(sample.scalars.get(CELL_REPEATS, np.ones(1))[0])
    return repeats * int(sample.metadata[0].get(GEOMETRIC, 0))
