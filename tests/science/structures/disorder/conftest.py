"""Records of crystals with disorder, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import spglib

from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

MakeRecord = Callable[..., Record]


@pytest.fixture
def make_record() -> MakeRecord:
    """Make a record of a cell, a Hall number (International Tables) and rows of sites.

    A row is label, symbol, x, y, z, occupancy, and maybe assembly and group.
    """

    def make(
        cell: Sequence[float], hall: int, rows: Sequence[tuple[Any, ...]], **more: Any
    ) -> Record:
        vectors = np.diag(cell).astype(float) if len(cell) == 3 else np.reshape(cell, (3, 3))
        found: Any = spglib.get_symmetry_from_database(hall)
        operations = SymmetryOperations(vectors, found["rotations"], found["translations"])
        sites = tuple(
            ListedSite(label, symbol, (x, y, z), occupancy, *group)
            for label, symbol, x, y, z, occupancy, *group in rows
        )
        return Record("host", "host.cif", "host", vectors, operations, sites, **more)

    return make
