"""Crystals of the examples, and samples of them: their H displaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.structures import read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


@pytest.fixture(scope="session")
def reference() -> Callable[[str], StructureBatch]:
    """A function that reads a crystal; its H sites count as inserted."""

    def read(name: str) -> StructureBatch:
        return remove_sites(read_hosts(REFERENCES / f"{name}.cif"), "H")[1]

    return read


@pytest.fixture(scope="session")
def samples() -> Callable[..., StructureBatch]:
    """A function that makes samples of a crystal, each H displaced by a length in Å."""

    def make(crystal: StructureBatch, length: float, count: int = 1, seed: int = 0) -> object:
        rng = np.random.default_rng(seed)
        batches = []
        for number in range(count):
            shifts = rng.normal(size=(crystal.n_sites, 3))
            shifts *= length / np.linalg.norm(shifts, axis=1, keepdims=True)
            shifts[~crystal.inserted] = 0
            one = crystal.with_coords(
                crystal.frac_coords + shifts @ np.linalg.inv(crystal.cells[0])
            )
            batches.append(one.with_scalars(host=[0], sample=[number], status=["sampled"]))
        return concatenate(batches)

    return make
