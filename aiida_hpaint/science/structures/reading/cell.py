"""Cells from lengths and angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.types import FloatArray

__all__ = ["make_cell"]


def make_cell(label: str, parameters: Sequence[float]) -> FloatArray:
    """Return the (3, 3) lattice vectors (rows, Å) of lengths and angles (degrees).

    a is along x, and b in the plane of x and y.

    Raises
    ------
    HostError
        If they make no cell.
    """
    from gemmi import UnitCell

    lengths, angles = list(parameters[:3]), list(parameters[3:])
    if all(value > 0 for value in parameters):
        cell = UnitCell(*parameters)
        if np.isfinite(cell.volume) and cell.volume > 0:
            return np.array(cell.orth.mat.tolist(), dtype=np.float64).T
    shown = ", ".join(f"{value:g}" for value in [*lengths, *angles])
    raise make_host_error(label, f"lengths and angles {shown} make no cell", "Correct the file")
