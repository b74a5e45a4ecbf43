"""Samples of a real host that the tests of the evaluation share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aiida_hpaint.science.structures.batch import StructureBatch

CELL = np.array([[3.142, 0, 0], [-1.571, 1.571 * np.sqrt(3), 0], [0, 0, 4.766]])
NUMBERS = [12, 8, 8, 1, 1]
HOST = [[0, 0, 0], [1 / 3, 2 / 3, 0.22], [2 / 3, 1 / 3, 0.78]]
HYDROGEN = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.57]]


@pytest.fixture(scope="session")
def brucite() -> Callable[..., StructureBatch]:
    """A function that makes Mg(OH)2 with H at given fractional coordinates."""

    def make(hydrogen: object = HYDROGEN, sample: int = 0, **scalars: object) -> StructureBatch:
        coords = np.concatenate([HOST, np.asarray(hydrogen, dtype=float)])
        inserted = np.array(NUMBERS) == 1
        values = {"host": 0, "sample": sample, "status": "sampled", **scalars}
        return StructureBatch(
            ("brucite",),
            CELL[None],
            [5],
            NUMBERS,
            coords,
            inserted,
            {name: np.array([value]) for name, value in values.items()},
        )

    return make
