"""Cells made exactly symmetric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.refine import METRIC
from aiida_hpaint.science.types import FloatArray


def symmetrise_cell(structure: StructureBatch, tolerance: float) -> StructureBatch:
    """Average the cell of a structure (a batch of one) over the rotations of its group.

    Programs with tight symmetry tolerances, such as pw.x, miss rotations that a cell with rounded
    lattice parameters obeys only to 1e-4. Fractional coordinates, orientation
    and volume stay.

    Parameters
    ----------
    tolerance
        Tolerance in Å for the group of the structure.
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
    """Return the cell of a metric (products of vectors), rotated and scaled to match another."""
    lower = np.linalg.cholesky(metric)
    left, _, right = np.linalg.svd(lower.T @ near)
    cell = lower @ left @ right
    scale = abs(np.linalg.det(near) / np.linalg.det(cell)) ** (1 / 3)
    return np.asarray(cell * scale)
