"""Arithmetic on structures of different sizes that are stored one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiida_hpaint.science.types import FloatArray, IntArray


def owners_of(counts: IntArray) -> IntArray:
    """(N,) the structure that each site belongs to."""
    owners: IntArray = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return owners


def site_rows(counts: IntArray, chosen: IntArray) -> IntArray:
    """Indices of the sites of the chosen structures, in the order of `chosen`."""
    starts = np.cumsum(counts) - counts
    taken = counts[chosen]
    firsts = np.cumsum(taken) - taken
    rows: IntArray = np.arange(int(taken.sum())) + np.repeat(starts[chosen] - firsts, taken)
    return rows


def sums(values: NDArray[Any], counts: IntArray) -> FloatArray:
    """(S,) sum of the (N,) values of each structure."""
    owners = owners_of(counts)
    return np.bincount(owners, weights=values, minlength=len(counts)).astype(np.float64)


def largest_norms(vectors: FloatArray, counts: IntArray) -> FloatArray:
    """(S,) length of the longest of the (N, 3) vectors of each structure; 0 without sites."""
    longest = np.zeros(len(counts))
    with np.errstate(invalid="ignore"):  # NaN is an answer, not a mistake
        np.maximum.at(longest, owners_of(counts), np.linalg.norm(vectors, axis=1))
    return longest
