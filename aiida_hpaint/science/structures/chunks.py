"""Chunks of about equal size, each of which is one job."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import IntArray


def chunk_by_sites(batch: StructureBatch, max_sites: int) -> list[IntArray]:
    """Cut a batch into runs of whole structures of at most `max_sites` sites each.

    Parameters
    ----------
    batch : StructureBatch
        The structures; their order is kept.
    max_sites : int
        Sites of a chunk at most; a structure that is larger makes a chunk of its own.

    Returns
    -------
    list of (n,) integer arrays
        Indices into the batch; together they are all structures, in order.

    Raises
    ------
    ValueError
        If `max_sites` is not positive.
    """
    if max_sites < 1:
        raise ValueError(f"max_sites is {max_sites}: a chunk holds at least one site")
    starts, filled = [0] if len(batch) else [], 0
    for index, count in enumerate(batch.site_counts.tolist()):
        if filled and filled + count > max_sites:
            starts.append(index)
            filled = 0
        filled += count
    stops = [*starts[1:], len(batch)]
    return [np.arange(a, b, dtype=np.int64) for a, b in zip(starts, stops, strict=False)]
