"""Distances between arrangements of inserted sites in one host, up to the host's symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.images import NEIGHBOURS
from aiida_hpaint.science.types import FloatArray

SYMMETRY_TOLERANCE = 0.05
"""Distance in Å within which a symmetry operation has to map sites of a host onto others."""


@dataclass(frozen=True)
class HostSymmetry:
    """Symmetry operations (R, t) of a host, frac -> frac @ R.T + t, and its cell."""

    cell: FloatArray
    rotations: FloatArray
    translations: FloatArray

    @classmethod
    def of(cls, host: StructureBatch, tolerance: float = SYMMETRY_TOLERANCE) -> HostSymmetry:
        """Find the symmetry of the host sites of a batch of one; the identity without any."""
        known = ~host.inserted
        cell = host.cells[0]
        rotations, translations = np.eye(3)[None], np.zeros((1, 3))
        if known.any():
            crystal: Any = (cell, host.frac_coords[known], host.numbers[known])
            found = spglib.get_symmetry(crystal, symprec=tolerance)
            if found is not None:
                rotations, translations = found["rotations"], found["translations"]
        return cls(cell, rotations.astype(np.float64), translations)

    def images(self, frac: FloatArray) -> FloatArray:
        """Return the (operations, m, 3) arrangements equivalent to one (m, 3), fractional."""
        turned = np.einsum("oab,mb->oma", self.rotations, frac)
        return np.asarray(turned + self.translations[:, None])


def compute_site_distances(cell: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the (n, m) shortest distances in Å between fractional points, images included."""
    shift = right[None] - left[:, None]
    wrapped = shift - np.round(shift)
    images = (wrapped[:, :, None] + NEIGHBOURS) @ cell
    return np.asarray(np.sqrt((images**2).sum(-1).min(-1)))


def assign_sites(
    cell: FloatArray, numbers: NDArray[np.int64], left: FloatArray, right: FloatArray
) -> FloatArray:
    """Return the (m,) distances in Å of left sites to their partners of the same element.

    Partners on the right are assigned so that the sum of squared distances is smallest.
    """
    distances = compute_site_distances(cell, left, right)
    # The cost of pairing different elements is far above any squared distance in a cell.
    cost = np.where(numbers[:, None] == numbers[None], distances**2, 1e6)
    rows, columns = linear_sum_assignment(cost)
    return np.asarray(distances[rows, columns])


def find_closest_distances(
    symmetry: HostSymmetry, numbers: NDArray[np.int64], left: FloatArray, right: FloatArray
) -> FloatArray:
    """Return the (m,) distances in Å of `assign_sites` for the best operation of the host."""
    best = assign_sites(symmetry.cell, numbers, left, right)
    for image in symmetry.images(right):
        if best.max(initial=0.0) < 1e-3:
            break
        distances = assign_sites(symmetry.cell, numbers, left, image)
        if (distances**2).sum() < (best**2).sum():
            best = distances
    return best
