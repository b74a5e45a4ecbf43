"""Symmetry of sites as permutations of their indices, and energies with exactly that symmetry."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray, IntArray

_SAME_ENERGY = 1e-3
"""Difference in energy (eV) below which sites may be equivalent."""

_SAME_POSITION = 1e-3
"""Distance (Å) within which an operation maps one site onto another."""

_MAX_CHANGE = 0.1
"""Largest difference of energies that a permutation exchanges (eV; relative for pairs)."""


def find_site_permutations(
    frac_coords: FloatArray, energies: FloatArray, cell: FloatArray
) -> IntArray:
    """Return (G, M) the permutations of sites by operations of the crystal that they form.

    Sites of one energy are taken as atoms of one element. spglib finds the operations, including
    pure translations if the cell is not primitive.
    """
    order = np.argsort(energies, kind="stable")
    kinds = np.empty(len(energies), dtype=np.int64)
    kinds[order] = np.cumsum(np.diff(energies[order], prepend=energies[order[0]]) > _SAME_ENERGY)
    operations = SymmetryOperations.find(cell, kinds + 1, frac_coords, _SAME_POSITION)
    images = operations.images(frac_coords)
    # Images deviate from sites by much less than sites are apart, so the nearest one in fractional
    # coordinates is right. The second % 1.0 handles tiny negative numbers, which become 1.0.
    tree = cKDTree(frac_coords % 1.0 % 1.0, boxsize=1.0)
    moved = tree.query(images % 1.0 % 1.0)[1]
    unique = np.unique(moved.astype(np.int64), axis=0)
    return unique if is_group(unique) else np.arange(len(energies))[None]


def is_group(permutations: IntArray) -> bool:
    """Return whether all rows are permutations that contain their inverses and define orbits."""
    size = permutations.shape[1]
    if not (np.sort(permutations, axis=1) == np.arange(size)).all():
        return False
    orbits = permutations.min(0)
    inverses = np.unique(np.argsort(permutations, axis=1), axis=0)
    closed = np.array_equal(inverses, np.unique(permutations, axis=0))
    return closed and bool((orbits[permutations] == orbits).all())


def symmetrise_energies(
    energies: FloatArray, pairs: FloatArray, permutations: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Average energies (M,) of sites and (M, M) of pairs, in eV, over the permutations.

    Energies at sites that were located numerically are only nearly symmetric, but orbital
    branching relies on exact symmetry.

    Raises
    ------
    ValueError
        If the permutations exchange sites with different energies.
    """
    single = energies[permutations].mean(0)
    double = np.zeros_like(pairs)
    apart, tilted = float(np.abs(energies[permutations] - energies).max()), 0.0
    for moved in permutations:
        images = pairs[np.ix_(moved, moved)]
        tilted = max(tilted, float((np.abs(images - pairs) / (1 + np.abs(pairs))).max()))
        double += images / len(permutations)
    if max(apart, tilted) > _MAX_CHANGE:
        raise ValueError(
            f"the permutations exchange sites that are not alike: their energies differ by "
            f"{apart:.3g} eV, those of pairs by {100 * tilted:.0f} %; give the permutations of "
            "these sites in this order"
        )
    return np.asarray(single), np.asarray((double + double.T) / 2)
