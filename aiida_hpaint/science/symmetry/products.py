"""Products of the operations of a group, by their matrices and the lattice of pure translations.

A supercell has a pure translation for each of its primitive cells, and as many times the operations
of one: MgO in 216 sites has 5184. The tables below have a row for each matrix or pure translation,
so that the products of two operations, of which there are 27 million, are looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["multiply_operations"]


def multiply_operations(rotations: IntArray, translations: FloatArray) -> NDArray[np.int32] | None:
    """Return the (G, G) index of each product, the operation of the row after that of the column.

    Parameters
    ----------
    rotations, translations : (G, 3, 3) integers, (G, 3)
        Operations on fractional coordinates; translations need to be right only to a fraction of
        the shortest pure translation.

    Returns
    -------
    None if the operations are no group: if matrices miss a product, or do not come with equally
    many translations. Otherwise products are the closest operations, which the caller has to
    compare where translations may be wrong.
    """
    matrices, kinds = np.unique(rotations.reshape(-1, 9), axis=0, return_inverse=True)
    kinds, matrices = kinds.reshape(-1), matrices.reshape(-1, 3, 3)
    table = _multiply_matrices(matrices)
    members = [np.flatnonzero(kinds == kind) for kind in range(len(matrices))]
    if table is None or len({len(one) for one in members}) > 1:
        return None
    places = np.array(members)  # (K, M): M operations for each of K matrices
    unit = np.flatnonzero((matrices == np.eye(3, dtype=matrices.dtype)).all((1, 2)))[0]
    first = translations[places[:, 0]]
    lattice = translations[places[unit]] - first[unit]
    steps = _find_closest(lattice, translations[places] - first[:, None])
    # Operations of a matrix in the order of the lattice.
    ordered = np.take_along_axis(places, np.argsort(steps, axis=1), axis=1)
    own = np.empty_like(kinds)
    own[places] = steps
    sums = _find_closest(lattice, lattice[:, None] + lattice)
    turned = _find_closest(lattice, lattice @ matrices.transpose(0, 2, 1))
    shifts = first @ matrices.transpose(0, 2, 1) + first[:, None] - first[table]
    offsets = _find_closest(lattice, shifts)
    products = np.empty((len(rotations),) * 2, dtype=np.int32)
    for left in range(len(rotations)):
        kind = kinds[left]
        moved = sums[offsets[kind][:, None], turned[kind]]
        found = ordered[table[kind][:, None], sums[moved, own[left]]]
        products[left] = found[kinds, own]
    return products


def _multiply_matrices(matrices: IntArray) -> IntArray | None:
    """Return the (K, K) index of each product of matrices; None if one is missing."""
    numbers = {matrix.tobytes(): kind for kind, matrix in enumerate(matrices)}
    products = np.einsum("aij,bjk->abik", matrices, matrices)
    table = [[numbers.get(one.tobytes(), -1) for one in row] for row in products]
    return None if min(map(min, table)) < 0 else np.array(table)


def _find_closest(lattice: FloatArray, points: FloatArray) -> IntArray:
    """Return the index of the lattice point (modulo whole cells) closest to each point."""
    flat = points.reshape(-1, 3)
    found = np.empty(len(flat), dtype=np.int64)
    length = max(1, 1_000_000 // len(lattice))
    for start in range(0, len(flat), length):
        shifts = lattice - flat[start : start + length, None]
        shifts -= np.rint(shifts)
        found[start : start + length] = (shifts**2).sum(-1).argmin(-1)
    return found.reshape(points.shape[:-1])
