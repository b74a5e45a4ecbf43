"""Signs that coordinates refer to another origin than the symmetry operations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

__all__ = ["check_origin"]

_EXACT = 1e-6
_NEAR = 0.05  # Å
_ENOUGH = 2


def check_origin(
    sites: Iterable[ListedSite], operations: SymmetryOperations, notes: list[str]
) -> None:
    """Note atoms that sit at 0 or 1/2 exactly where the operations leave every position free.

    Such coordinates are those of special positions: several of them where there is none mean that
    operations and coordinates have been taken from different settings. Groups with a free origin
    (polar ones, P1) are left out.
    """
    if np.abs(operations.rotations.sum(axis=0)).max() > 0:
        return  # a direction that every operation keeps: its origin is a choice
    placed = [site for site in sites if site.position is not None and not site.is_dummy]
    doubled = 2 * np.array([site.position for site in placed], dtype=np.float64).reshape(-1, 3)
    special = (np.abs(doubled - np.round(doubled)) < _EXACT).all(axis=1)
    suspicious = []
    for index in np.flatnonzero(special).tolist():
        position = doubled[index] / 2
        apart = operations.images(position[None])[:, 0] - position
        apart -= np.round(apart)
        if (np.linalg.norm(apart @ operations.cell, axis=1) < _NEAR).sum() == 1:
            suspicious.append(placed[index].label)
    if len(suspicious) >= _ENOUGH:
        notes.append(
            f"{', '.join(suspicious)} are at 0 or 1/2 exactly, where no symmetry element passes: "
            "the operations may have another origin than the coordinates, and then the host does "
            "not hold together."
        )
