"""The cell of a crystal whose cell relaxed: which operations fit it, and its own exact metric."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import BoolArray, FloatArray

__all__ = ["TOLERANCE", "find_fitting_operations", "make_cell_symmetric"]

TOLERANCE = 0.01
"""Largest relative difference of lengths between a cell and its image under an operation that is
kept. Equivalent lengths of a cell that relaxed to 0.2 GPa differ by less, but for the softest of
crystals, and distortions that are worth the name are larger."""


def find_fitting_operations(
    operations: SymmetryOperations, tolerance: float = TOLERANCE
) -> BoolArray:
    """Return (G,) which operations map their cell onto itself within a relative tolerance."""
    columns = operations.cell.T
    turned = columns @ operations.rotations @ np.linalg.inv(columns)
    stretches = np.linalg.svd(turned, compute_uv=False)
    return np.asarray((np.abs(stretches - 1) <= tolerance).all(axis=1))


def make_cell_symmetric(operations: SymmetryOperations) -> FloatArray:
    """Return the cell with the mean of the metrics of its images, as the nearest one to it.

    Parameters
    ----------
    operations
        A group of operations, and the cell.

    Returns
    -------
    (3, 3) lattice vectors as rows, in Å.
    """
    cell = operations.cell
    metric = cell @ cell.T
    mean = (operations.rotations.transpose(0, 2, 1) @ metric @ operations.rotations).mean(0)
    inverse = np.linalg.inv(cell)
    # The square of the stretch: of all cells of this metric, that of a pure stretch is nearest.
    values, vectors = np.linalg.eigh(inverse @ mean @ inverse.T)
    return np.asarray(cell @ (vectors * np.sqrt(values)) @ vectors.T)
