"""Calcfunction that makes structures exactly symmetric before DFT."""

from __future__ import annotations

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Float, StructureData

from aiida_hpaint.data.structure_batch import DETAILS, read_structure, to_structure
from aiida_hpaint.science.symmetry.cell import shift_onto_grid, symmetrise_cell
from aiida_hpaint.science.symmetry.refine import refine_symmetry

__all__ = ["symmetrise_structure"]


@calcfunction
def symmetrise_structure(structure: StructureData, tolerance: Float) -> StructureData:
    """Make a structure exactly symmetric if it is so within a tolerance (Å).

    Sites move to the mean of their images, and the metric of the cell becomes invariant under its
    rotations. Volume, orientation, order of the sites and metadata do not change. All sites are
    shifted so that translations of the operations are commensurate with FFT grids, as pw.x
    ignores other operations. A structure without symmetry is returned unchanged.
    """
    batch = read_structure(structure)
    refined = refine_symmetry(batch.with_scalars(rank=np.zeros(1, dtype=np.int64)), tolerance.value)
    exact = to_structure(shift_onto_grid(symmetrise_cell(refined, tolerance.value)))
    exact.label = structure.label
    details = structure.base.attributes.get(DETAILS, None)
    if details is None:
        exact.base.attributes.delete(DETAILS)
    else:
        exact.base.attributes.set(DETAILS, details)
    return exact
