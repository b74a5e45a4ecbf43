"""Chunks hold whole structures, all of them, and no more sites than asked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import StructureBatch, chunk_by_sites


def batch_of(counts: list[int]) -> StructureBatch:
    total = sum(counts)
    return StructureBatch(
        labels=("x",) * len(counts),
        cells=np.tile(np.eye(3), (len(counts), 1, 1)),
        site_counts=np.array(counts, dtype=int),
        numbers=np.ones(total, dtype=np.int64),
        frac_coords=np.zeros((total, 3)),
        inserted=np.zeros(total, dtype=np.bool_),
    )


@given(st.lists(st.integers(1, 50)), st.integers(1, 60))
def test_every_structure_is_in_one_chunk(counts: list[int], most: int) -> None:
    chunks = chunk_by_sites(batch_of(counts), most)
    assert [index for chunk in chunks for index in chunk.tolist()] == list(range(len(counts)))
    sizes = [[counts[index] for index in chunk] for chunk in chunks]
    assert all(size for size in sizes)
    assert all(sum(size) <= most or len(size) == 1 for size in sizes)
    # None could have taken the first structure of the next.
    assert all(sum(a) + b[0] > most for a, b in itertools.pairwise(sizes))


def test_a_structure_that_is_too_large_stands_alone() -> None:
    chunks = chunk_by_sites(batch_of([3, 20, 3, 3]), 10)
    assert [chunk.tolist() for chunk in chunks] == [[0], [1], [2, 3]]


def test_a_chunk_holds_something() -> None:
    with pytest.raises(ValueError, match="max_sites is 0"):
        chunk_by_sites(batch_of([1]), 0)
