"""Which host each structure of a batch belongs to."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import IntArray

__all__ = ["host_places"]


def host_places(batch: StructureBatch) -> IntArray:
    """(S,) the host of each structure: its scalar `host`, without one its row."""
    return np.asarray(batch.scalars.get("host", np.arange(len(batch))), dtype=np.int64)
