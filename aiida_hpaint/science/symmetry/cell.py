"""Cells made exactly symmetric, and origins that real-space grids are compatible with."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import spglib

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.refine import METRIC, TIGHT
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


DENOMINATORS = (1, 2, 3, 4, 6)
"""Denominators of fractional translations that pw.x accepts; it drops other operations."""

CLOSE = 1e-5
"""Largest deviation of a translation from such a fraction."""


def shift_onto_grid(structure: StructureBatch) -> StructureBatch:
    """Shift a structure (a batch of one) so that its operations translate by simple fractions.

    Programs that work on grids use only operations that map the grid onto itself; pw.x drops the
    others. With an arbitrary origin, operations do not. The shift is the smallest that brings
    spglib's origin to a multiple of half a lattice vector; other structures are not shifted.
    """
    crystal: Any = (structure.cells[0], structure.frac_coords, structure.numbers)
    found = spglib.get_symmetry_dataset(crystal, symprec=TIGHT)
    if found is None:
        return structure
    rotations, translations = found.rotations, found.translations
    origin = -np.linalg.solve(found.transformation_matrix, found.origin_shift)
    shift = origin - np.rint(2 * origin) / 2
    for tried in _parts(shift, structure.cells[0]):
        if _fits(translations + (rotations @ tried - tried)):
            return (
                structure.with_coords(structure.frac_coords - tried) if tried.any() else structure
            )
    return structure


def _parts(shift: FloatArray, cell: FloatArray) -> list[FloatArray]:
    """List the shift without some components, shortest first: polar axes need none."""
    parts = [shift * np.array(mask) for mask in product((0.0, 1.0), repeat=3)]
    return sorted(parts, key=lambda part: float(np.linalg.norm(part @ cell)))


def _fits(translations: FloatArray) -> bool:
    multiples = np.multiply.outer(translations, DENOMINATORS)
    missed = np.abs(multiples - np.rint(multiples)) / np.array(DENOMINATORS)
    return bool((missed.min(-1) < CLOSE).all())
