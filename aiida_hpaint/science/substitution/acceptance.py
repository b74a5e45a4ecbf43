"""Selection of substituted structures that are worth learning from."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.equivalence import compute_site_distances
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.conversion import to_pymatgen
from aiida_hpaint.science.structures.status import RELAXED

if TYPE_CHECKING:
    from pymatgen.core import Structure

HYDROGEN_MOLECULE = 0.9
"""Å between two H, below which they count as an H2 molecule (bond length 0.74 Å)."""

LARGEST_H_DISTANCE = 2.6
"""Å from H to the nearest other site, beyond which H is isolated."""

CLOSEST_BOND = 0.65
"""Shortest plausible contact, as a share of the sum of covalent radii."""

VOLUMES = (4.0, 60.0)
"""Å³ per site, smallest and largest plausible volume."""


def find_acceptable(structures: StructureBatch, largest_force: float) -> NDArray[np.bool_]:
    """Return a mask (S,) of structures that are relaxed, plausibly bonded and of plausible density.

    Structures without H, with H2, with isolated H or with contacts that are too short are excluded.
    """
    statuses = [status.value for status in RELAXED]
    relaxed = np.isin(structures.scalars["status"], statuses)
    relaxed &= structures.scalars["max_force"] < largest_force
    sizes = np.abs(np.linalg.det(structures.cells)) / structures.site_counts
    dense = (sizes > VOLUMES[0]) & (sizes < VOLUMES[1])
    bound = [
        bool(good) and _bound(one) for good, one in zip(relaxed & dense, structures, strict=True)
    ]
    return np.array(bound, dtype=np.bool_)


def _bound(structure: StructureBatch) -> bool:
    distances = compute_site_distances(
        structure.cells[0], structure.frac_coords, structure.frac_coords
    )
    np.fill_diagonal(distances, np.inf)
    hydrogen = structure.numbers == 1
    if not hydrogen.any():
        return False
    if distances[np.ix_(hydrogen, hydrogen)].min(initial=np.inf) < HYDROGEN_MOLECULE:
        return False
    radii = covalent_radii[structure.numbers]
    too_close = distances < CLOSEST_BOND * (radii[:, None] + radii[None])
    return not too_close.any() and bool(
        (distances[hydrogen].min(axis=1) < LARGEST_H_DISTANCE).all()
    )


def find_distinct(structures: StructureBatch) -> list[int]:
    """Return the indices of structures that match no earlier one (pymatgen's StructureMatcher)."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    kept = []
    seen: dict[str, list[Structure]] = defaultdict(list)
    for index, structure in enumerate(to_pymatgen(structures)):
        formula = structure.composition.reduced_formula
        if not any(matcher.fit(structure, other) for other in seen[formula]):
            seen[formula].append(structure)
            kept.append(index)
    return kept
