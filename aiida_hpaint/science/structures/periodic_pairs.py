"""Pairs of points of a periodic cell that are close, all lattice translations included."""

from __future__ import annotations

import itertools

import numpy as np

from aiida_hpaint.science.types import FloatArray, IntArray


def find_periodic_pairs(
    frac: FloatArray, cell: FloatArray, reach: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """Find the pairs of points up to a distance, in both orders.

    Parameters
    ----------
    frac, cell
        (n, 3) fractional coordinates, and (3, 3) lattice vectors as rows, in Å.
    reach
        The distance, Å.

    Returns
    -------
    first, second, distances : (p,)
        Indices of the points, and their distances in Å: one pair for each lattice translation. A
        point is no pair with itself, but it is with its own translations.
    """
    first, second, _, distances = find_translated_pairs(frac, cell, reach)
    return first, second, distances


def find_translated_pairs(
    frac: FloatArray, cell: FloatArray, reach: float
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Find the pairs of `find_periodic_pairs`, with lattice translations (p, 3) of the second."""
    from scipy.spatial import cKDTree

    base = np.mod(frac, 1.0)
    margin = reach * np.linalg.norm(np.linalg.inv(cell), axis=0)
    spans = [np.arange(-np.ceil(m), np.ceil(m) + 1) for m in margin]
    shifts = np.array(list(itertools.product(*spans)))
    moved = (base[None] + shifts[:, None]).reshape(-1, 3)
    near = np.flatnonzero(((moved > -margin) & (moved < 1 + margin)).all(axis=1))
    found = cKDTree(base @ cell).sparse_distance_matrix(
        cKDTree(moved[near] @ cell), reach, output_type="ndarray"
    )
    first, copies = found["i"].astype(np.int64), near[found["j"]]
    other = copies - first != len(base) * (len(shifts) // 2)
    first, copies, distances = first[other], copies[other], found["v"][other]
    second = copies % len(base)
    whole = np.rint(frac - base)
    images = shifts[copies // len(base)] + whole[first] - whole[second]
    return first, second, images.astype(np.int64), distances
