"""What samples say of where their H began."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.primitive import CELL_REPEATS

GEOMETRIC = "geometric"
"""Key of the metadata of samples: how many of their H began so, in the cell that was searched."""

DRAWN = "drawn_carriers"
"""The same for H whose atom was drawn by bond valences, as neither budget nor bonds say it."""


def count_geometric(sample: StructureBatch) -> int:
    """Return how many inserted H of one sample began in geometric positions."""
    return _count(sample, GEOMETRIC)


def count_drawn(sample: StructureBatch) -> int:
    """Return how many inserted H of one sample began at atoms that were drawn."""
    return _count(sample, DRAWN)


def _count(sample: StructureBatch, key: str) -> int:
    """Return a number of H in the cell of the file, which contains the searched one repeatedly."""
    repeats = int(sample.scalars.get(CELL_REPEATS, np.ones(1))[0])
    return repeats * int(sample.metadata[0].get(key, 0))
