"""Which host each structure of a batch belongs to."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import IntArray

__all__ = ["host_places", "number_samples"]


def host_places(batch: StructureBatch) -> IntArray:
    """(S,) the host of each structure: its scalar `host`, without one its row."""
    return np.asarray(batch.scalars.get("host", np.arange(len(batch))), dtype=np.int64)


def number_samples(samples: StructureBatch) -> StructureBatch:
    """Number samples from 0 on within each host, in their order, as the scalar `sample`."""
    numbers = np.zeros(len(samples), dtype=np.int64)
    for host in np.unique(samples.scalars["host"]):
        members = np.flatnonzero(samples.scalars["host"] == host)
        numbers[members] = np.arange(len(members))
    return samples.with_scalars(sample=numbers)
