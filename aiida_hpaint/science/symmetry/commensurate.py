"""commensurate: a crystal moved rigidly so that its operations fit onto grids."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import spglib

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.refine import TIGHT
from aiida_hpaint.science.types import FloatArray

DENOMINATORS = (1, 2, 3, 4, 6)
"""Of the fractional translations that pw.x accepts; it drops operations with others."""

CLOSE = 1e-5
"""Of a lattice vector, by which a translation may miss such a fraction."""


def shift_onto_grid(structure: StructureBatch) -> StructureBatch:
    """A batch of one structure, moved so that translations of its operations are simple fractions.

    Programs that work on a grid use only operations which map the grid onto itself; pw.x drops the
    others. Where the origin of a structure is anywhere, its operations do not. The shift is the
    smallest of those that bring spglib's origin to a multiple of half a lattice vector; structures
    that need none stay as they are.
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
    """The shift without some of its components, the shortest first: polar axes need none."""
    parts = [shift * np.array(mask) for mask in product((0.0, 1.0), repeat=3)]
    return sorted(parts, key=lambda part: float(np.linalg.norm(part @ cell)))


def _fits(translations: FloatArray) -> bool:
    multiples = np.multiply.outer(translations, DENOMINATORS)
    missed = np.abs(multiples - np.rint(multiples)) / np.array(DENOMINATORS)
    return bool((missed.min(-1) < CLOSE).all())
