"""Batches of any content, and the files that the tests read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from aiida_hpaint.science.structures import StructureBatch

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.dictionaries(TEXT.filter(lambda key: key != "hpaint"), JSON, max_size=3)


def _scalars(draw: st.DrawFn, size: int) -> dict[str, np.ndarray]:
    columns = {
        "energy": st.floats(),
        "sample": st.integers(-(2**63), 2**63 - 1),
        "is good": st.booleans(),
        "status": TEXT,
    }
    names = draw(st.lists(st.sampled_from(sorted(columns)), unique=True))
    return {
        name: np.array(draw(st.lists(columns[name], min_size=size, max_size=size)))
        for name in names
    }


@st.composite
def _batches(draw: st.DrawFn, *, placed: bool = False, max_size: int = 4) -> StructureBatch:
    size = draw(st.integers(1, max_size))
    counts = draw(st.lists(st.integers(1, 5), min_size=size, max_size=size))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    total = sum(counts)
    inserted = rng.random(total) < 0.4
    coords = rng.uniform(-2, 2, (total, 3))
    if not placed:
        coords[inserted & (rng.random(total) < 0.5)] = np.nan
    return StructureBatch(
        labels=tuple(draw(st.lists(TEXT, min_size=size, max_size=size))),
        cells=np.eye(3) * rng.uniform(3, 9, (size, 1, 3)) + rng.uniform(-1, 1, (size, 3, 3)),
        site_counts=np.array(counts),
        numbers=rng.integers(1, 119, total),
        frac_coords=coords,
        inserted=inserted,
        scalars=_scalars(draw, size),
        metadata=tuple(draw(st.lists(RECORDS, min_size=size, max_size=size))),
        history=tuple(draw(st.lists(RECORDS, max_size=2))),
    )


@pytest.fixture(scope="session")
def batches() -> Callable[..., st.SearchStrategy[StructureBatch]]:
    """A strategy for batches of any content; `placed` for those without NaN."""
    return _batches


@pytest.fixture(scope="session")
def files() -> Path:
    """The folder of the files that tests read, most of them faulty."""
    return Path(__file__).parent / "files"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the example structures."""
    return Path(__file__).parents[3] / "examples"


@pytest.fixture
def rock_salt() -> StructureBatch:
    """MgO, eight sites in a cube of 4.2 Å."""
    face = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    return StructureBatch(
        labels=("MgO",),
        cells=np.eye(3)[None] * 4.2,
        site_counts=np.array([8]),
        numbers=np.array([12] * 4 + [8] * 4),
        frac_coords=np.concatenate([face, face + np.array([0.5, 0, 0])]),
        inserted=np.zeros(8, dtype=bool),
    )
