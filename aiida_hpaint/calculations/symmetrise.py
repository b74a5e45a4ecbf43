"""Structures made exactly symmetric before DFT, with the link from one to the other."""

from __future__ import annotations

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Float, StructureData

from aiida_hpaint.data.structure_batch import DETAILS, batch_of, to_structure
from aiida_hpaint.science.symmetry.cell import symmetrise_cell
from aiida_hpaint.science.symmetry.commensurate import shift_onto_grid
from aiida_hpaint.science.symmetry.refine import refine_symmetry

__all__ = ["symmetrise_structure"]


@calcfunction
def symmetrise_structure(structure: StructureData, tolerance: Float) -> StructureData:
    """The structure, exactly symmetric where it is within a tolerance (Å) of more symmetry.

    Sites move to the mean of their images, the cell takes on the metric that its rotations
    keep; volume, orientation, order of the sites and what the structure knows of itself stay. All
    sites together move to where the operations are commensurate with grids, if they are not.
    A structure without such a symmetry comes back as it was.
    """
    batch = batch_of(structure)
    refined = refine_symmetry(batch.with_scalars(rank=np.zeros(1, dtype=np.int64)), tolerance.value)
    exact = to_structure(shift_onto_grid(symmetrise_cell(refined, tolerance.value)))
    exact.label = structure.label
    details = structure.base.attributes.get(DETAILS, None)
    if details is None:
        exact.base.attributes.delete(DETAILS)
    else:
        exact.base.attributes.set(DETAILS, details)
    return exact
