"""Refinement: nearly symmetric structures made exactly symmetric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.plausibility import find_contacts, find_too_close
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import has_changed_cells
from aiida_hpaint.science.structures.fixed_host import HELD
from aiida_hpaint.science.structures.writing.relaxed_cell import (
    find_fitting_operations,
    make_cell_symmetric,
)
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.symmetrise import average_images

TOLERANCE_SHARES = (1.0, 0.5, 0.25)
"""Fractions of the tolerance to search with: larger tolerances may find fewer operations."""

TIGHT = 1e-3
"""Tolerance in Å for the symmetry of an exact structure."""

METRIC = 1e-3
"""Relative change of the metric of a cell up to which a rotation counts as its symmetry."""


def refine_symmetry(samples: StructureBatch, tolerance: float) -> StructureBatch:
    """Make ranked samples exactly symmetric if they are so within the tolerance (Å).

    Each site moves to the mean of its images under the operations that spglib finds. The cell and
    the order of sites do not change, so only operations that the cell allows count; but a cell that
    relaxed becomes symmetric, too. A structure stays as it is if a site would move farther than the
    tolerance or too close to another.

    Returns
    -------
    The samples with the scalar `refined_by` (Å, largest displacement, 0 where nothing moved).
    """
    coords, cells = samples.frac_coords.copy(), samples.cells.copy()
    moves, relaxed = np.zeros(len(samples)), has_changed_cells(samples)
    for index in np.flatnonzero(samples.scalars["rank"] >= 0).tolist():
        has_own_cell = relaxed and HELD not in samples.metadata[index]
        refined, moves[index] = _refined(samples[index], tolerance, has_own_cell)
        cells[index] = refined.cells[0]
        coords[samples.sites(index)] = refined.frac_coords
    record = {
        "stage": "refine_symmetry",
        "version": __version__,
        "settings": {"tolerance": tolerance},
        "refined": int((moves > 0).sum()),
    }
    refined = replace(samples, frac_coords=coords, cells=cells).with_scalars(refined_by=moves)
    return refined.with_history(record)


def _refined(
    structure: StructureBatch, tolerance: float, relaxed: bool
) -> tuple[StructureBatch, float]:
    """Return the structure with the most operations, and the largest shift (Å) of a site."""
    best, moved, size = structure, 0.0, 1
    for share in TOLERANCE_SHARES:
        current = structure
        # With some operations exact, others are found more easily.
        for _ in range(2):
            current, members = _averaged(current, share * tolerance, tolerance, relaxed)
            shift = (current.frac_coords - structure.frac_coords) @ structure.cells[0]
            farthest = float(np.linalg.norm(shift, axis=1).max())
            if members > size and farthest <= tolerance:
                best, moved, size = current, farthest, members
    if _clashes(best) and not _clashes(structure):
        return structure, 0.0
    return best, moved


def _averaged(
    structure: StructureBatch, tolerance: float, reach: float, relaxed: bool
) -> tuple[StructureBatch, int]:
    """Average a structure over the operations within a tolerance (Å); also return their number.

    Where the cell `relaxed`, it is averaged, too.

    If a site would move farther than `reach` (Å), the structure is returned as it is, with 1.
    """
    frac = structure.frac_coords
    group = SymmetryGroup.of(structure.cells[0], structure.numbers, frac, tolerance)
    if relaxed:
        members = np.flatnonzero(find_fitting_operations(group)).astype(np.int64)
    else:
        members = group.find_isometries(METRIC)
    result = average_images(group, members, structure.numbers, group.enter(frac), reach)
    if result is None:
        return structure, 1
    # Coordinates keep their lattice translations: only the small shift is applied.
    shift = (result[0] - group.enter(frac)) @ group.given
    cell = structure.cells[0]
    if relaxed:
        cell = np.linalg.solve(group.given, make_cell_symmetric(group.part(members)))
    return replace(structure, frac_coords=frac + shift, cells=cell[None]), len(members)


def _clashes(structure: StructureBatch) -> bool:
    return bool(find_too_close(find_contacts(structure, np.array([0])))[0])
