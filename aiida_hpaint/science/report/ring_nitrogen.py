"""H on the N of six-membered rings that were measured as rings without it.

Pyridine with H has bonds as good as those of pyridinium when all atoms have relaxed. But the angle
at N widens by 5° when it takes an H up, and X-ray work sees that angle: it tells salts from
cocrystals.
"""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.geometric.bonds import CONJUGATED, Bonds
from aiida_hpaint.science.types import FloatArray

__all__ = ["BARE_ANGLE", "has_h_on_bare_ring"]

BARE_ANGLE = 118.0
"""Angle (degrees) at N of a six-membered ring, as measured, up to which it carries no H: 117 in
pyridines, 114 to 116 with more N in the ring, 119 and more with H on it, 122 in pyridinium."""

_BEYOND = 4
"""Bonds from one neighbour of an atom to the other around a ring of six."""

_SAME_PLACE = 0.1
"""Å"""


def has_h_on_bare_ring(bonds: Bonds, site: int, measured: FloatArray, cell: FloatArray) -> bool:
    """Return whether a N carries an H although the ring around it was measured as one without.

    Parameters
    ----------
    bonds
        All bonds of the answer.
    site
        The N.
    measured, cell
        Fractional coordinates (n, 3) of the sites as measured, and the cell then, Å.
    """
    own = np.flatnonzero(bonds.first == site)
    ring = own[bonds.ends[own] == 6]
    if len(own) != 3 or len(ring) != 2 or not (bonds.ends[own] == 1).any():
        return False
    if (np.linalg.norm(bonds.vectors[ring], axis=1) > CONJUGATED).any():
        return False
    if not _closes_ring(bonds, site, *ring.tolist()):
        return False
    one, other = (_measure(cell, measured, bonds, bond) for bond in ring.tolist())
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return bool(np.degrees(np.arccos(cosine)) < BARE_ANGLE)


def _measure(cell: FloatArray, frac: FloatArray, bonds: Bonds, bond: int) -> FloatArray:
    """Return the vector of a bond of the answer as its host has it, Å."""
    between = frac[bonds.second[bond]] - frac[bonds.first[bond]]
    image = np.round(bonds.vectors[bond] @ np.linalg.inv(cell) - between)
    return np.asarray((between + image) @ cell)


def _closes_ring(bonds: Bonds, site: int, start: int, end: int) -> bool:
    """Return whether two bonds of an atom belong to a ring of six."""
    paths = [(int(bonds.second[start]), bonds.vectors[start])]
    for _ in range(_BEYOND):
        paths = [
            (int(bonds.second[bond]), place + bonds.vectors[bond])
            for atom, place in paths
            for bond in np.flatnonzero((bonds.first == atom) & (bonds.ends != 1)).tolist()
            if np.linalg.norm(place + bonds.vectors[bond]) > _SAME_PLACE
        ]
    last, target = int(bonds.second[end]), bonds.vectors[end]
    return any(
        atom == last and np.linalg.norm(place - target) < _SAME_PLACE for atom, place in paths
    )
