"""Arithmetic on structures of different sizes that are stored one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiida_hpaint.science.types import FloatArray, IntArray


def find_owners(counts: IntArray) -> IntArray:
    """Return the (N,) structure that each site belongs to."""
    owners: IntArray = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return owners


def list_site_indices(counts: IntArray, chosen: IntArray) -> IntArray:
    """Return the indices of the sites of the chosen structures, in the order of `chosen`."""
    starts = np.cumsum(counts) - counts
    taken = counts[chosen]
    firsts = np.cumsum(taken) - taken
    rows: IntArray = np.arange(int(taken.sum())) + np.repeat(starts[chosen] - firsts, taken)
    return rows


def sum_by_structure(values: NDArray[Any], counts: IntArray) -> FloatArray:
    """Return the (S,) sum of the (N,) values of each structure."""
    owners = find_owners(counts)
    return np.bincount(owners, weights=values, minlength=len(counts)).astype(np.float64)


def find_largest_norms(vectors: FloatArray, counts: IntArray) -> FloatArray:
    """Return the (S,) length of the longest (N, 3) vector of each structure; 0 without sites."""
    longest = np.zeros(len(counts))
    with np.errstate(invalid="ignore"):  # the caller handles NaN
        np.maximum.at(longest, find_owners(counts), np.linalg.norm(vectors, axis=1))
    return longest
