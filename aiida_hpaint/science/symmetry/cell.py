"""symmetrise_cell: a cell that obeys exactly what its crystal obeys nearly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.refine import METRIC
from aiida_hpaint.science.types import FloatArray


def symmetrise_cell(structure: StructureBatch, tolerance: float) -> StructureBatch:
    """A batch of one structure with its cell averaged over the rotations of its group.

    Programs that look for symmetry with tight tolerances, pw.x among them, miss rotations that a
    cell with rounded lattice parameters obeys to 1e-4 only. Fractional coordinates, orientation
    and volume stay.

    Parameters
    ----------
    tolerance
        Å, within which the group of the structure is found.
    """
    cell, frac = structure.cells[0], structure.frac_coords
    group = SymmetryGroup.of(cell, structure.numbers, frac, tolerance)
    members = group.find_isometries(METRIC)
    metric = group.cell @ group.cell.T
    rotations = group.rotations[members].astype(np.float64)
    mean = (rotations.transpose(0, 2, 1) @ metric @ rotations).mean(0)
    reduced = _with_metric(mean, group.cell)
    # The group's cell is reduced: its vectors are these multiples of the given ones.
    new = np.linalg.inv(group.given) @ reduced
    return replace(structure, cells=new[None])


def _with_metric(metric: FloatArray, near: FloatArray) -> FloatArray:
    """The cell of a metric (products of its vectors), turned and scaled to be most like another."""
    lower = np.linalg.cholesky(metric)
    left, _, right = np.linalg.svd(lower.T @ near)
    cell = lower @ left @ right
    scale = abs(np.linalg.det(near) / np.linalg.det(cell)) ** (1 / 3)
    return np.asarray(cell * scale)
