"""Chunks of hosts that fit the cores of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence


def choose_chunk_sites(site_counts: Iterable[int], jobs: int) -> int:
    """Return the smallest chunk size, in sites, that makes no more chunks than `jobs`.

    Hosts stay in their order, and a chunk takes hosts until the next one would not fit.
    """
    counts = list(site_counts)
    smallest, largest = max(counts), sum(counts)
    while smallest < largest:
        middle = (smallest + largest) // 2
        if _count_chunks(counts, middle) <= jobs:
            largest = middle
        else:
            smallest = middle + 1
    return largest


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count_chunks(counts: Sequence[int], max_sites: int) -> int:
    chunks, filled = 1, 0
    for count in counts:
        if filled and filled + count > max_sites:
            chunks, filled = chunks + 1, 0
        filled += count
    return chunks
