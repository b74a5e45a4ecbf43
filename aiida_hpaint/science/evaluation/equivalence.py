"""Distances between arrangements of inserted sites in one host, up to the host's symmetry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS, SymmetryOperations
from aiida_hpaint.science.types import FloatArray

_SYMMETRY_TOLERANCE = 0.05
"""Distance in Å within which a symmetry operation has to map sites of a host onto others."""


def find_host_symmetry(
    host: StructureBatch, tolerance: float = _SYMMETRY_TOLERANCE
) -> SymmetryOperations:
    """Find the symmetry of the host sites of a batch of one; the identity without any."""
    known = ~host.inserted
    return SymmetryOperations.find(
        host.cells[0], host.numbers[known], host.frac_coords[known], tolerance
    )


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
    from scipy.optimize import linear_sum_assignment

    distances = compute_site_distances(cell, left, right)
    # The cost of pairing different elements is far above any squared distance in a cell.
    cost = np.where(numbers[:, None] == numbers[None], distances**2, 1e6)
    rows, columns = linear_sum_assignment(cost)
    return np.asarray(distances[rows, columns])


def find_closest_distances(
    symmetry: SymmetryOperations, numbers: NDArray[np.int64], left: FloatArray, right: FloatArray
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
