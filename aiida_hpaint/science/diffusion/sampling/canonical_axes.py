"""Axes of a crystal that do not depend on the cell, axes and origin that it was given in.

Reduction leaves open how lattice vectors are ordered and signed, which of several equally short
ones are taken, and with a symmetric lattice which way round the crystal is. Here lengths and angles
decide first, then the contents of the cell, by structure factors. What is still left open are
operations that map the crystal onto itself.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from ase.geometry import minkowski_reduce

from aiida_hpaint.science.diffusion.lattice import reduce_to_niggli
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["find_canonical_axes"]

_SHORT = np.array([v for v in product((-1, 0, 1), repeat=3) if any(v)], dtype=np.int64)
"""(26, 3) all vectors of a lattice that may be edges of a reduced cell, in reduced vectors."""

_TIE = 1e-5
"""Relative difference of lengths and angles up to which axes are alike."""

_SAME_CONTENTS = 1e-6
"""Difference of the measure of the contents up to which they are alike, relative to its scale."""

_PAIRS = np.array(list(product(range(6), repeat=2)))
"""Pairs of low reflections whose triplets are measured, by index."""


def find_canonical_axes(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, *, niggli: bool = False
) -> IntArray:
    """Find the integer matrix T that makes the rows of T @ cell the axes of the crystal.

    The axes are right-handed and as short as possible.

    Parameters
    ----------
    cell : (3, 3)
        Lattice vectors as rows, Å.
    numbers, frac : (n,), (n, 3)
        Atomic numbers and fractional coordinates of the sites.
    niggli
        Whether the axes are those of the Niggli cell.
    """
    options = _list_reduced_axes(cell)
    metrics = _flatten_metrics(options, cell)
    if niggli:
        reduced = reduce_to_niggli(cell) @ cell
        target = _flatten_metrics(np.eye(3, dtype=np.int64)[None], reduced)[0]
        alike = np.abs(metrics - target).max(axis=1) <= 10 * _TIE * target[:3].max()
        if not alike.any():
            return reduce_to_niggli(cell)
    else:
        alike = _find_smallest(metrics)
    options = options[alike]
    if len(options) > 1 and len(numbers):
        measured = _measure_contents(options, numbers, frac)
        options = options[measured >= measured.max() - _SAME_CONTENTS]
    # These are equivalent by symmetry: the ones nearest to the given axes, so that no rounding
    # decides.
    changes = np.abs(options - np.eye(3, dtype=np.int64)).sum(axis=(1, 2))
    flat = options.reshape(len(options), 9).T
    return np.asarray(options[np.lexsort((*flat[::-1], changes))[0]])


def _list_reduced_axes(cell: FloatArray) -> IntArray:
    """Return all (k, 3, 3) right-handed triples of shortest independent lattice vectors."""
    reduced, steps = minkowski_reduce(cell)
    lengths = np.linalg.norm(_SHORT @ reduced, axis=1)
    minima = np.linalg.norm(reduced, axis=1)
    minima.sort()
    edges = [np.flatnonzero(np.abs(lengths - minimum) <= _TIE * minimum) for minimum in minima]
    triples = _SHORT[np.stack(np.meshgrid(*edges, indexing="ij"), -1).reshape(-1, 3)]
    handed = np.sign(np.linalg.det(reduced))
    right = np.rint(np.linalg.det(triples)) == handed
    return np.asarray(np.rint(triples[right] @ steps).astype(np.int64))


def _flatten_metrics(axes: IntArray, cell: FloatArray) -> FloatArray:
    """Return (k, 6) squared lengths and products of axes (k, 3, 3), Å²."""
    vectors = axes @ cell
    metrics = vectors @ vectors.transpose(0, 2, 1)
    return np.asarray(metrics[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]])


def _find_smallest(metrics: FloatArray) -> IntArray:
    """Return the rows (k, 6) that are the smallest, column by column, rounding aside."""
    rows = np.arange(len(metrics))
    for column in metrics.T:
        scale = _TIE * metrics[0, :3].max()
        rows = rows[column[rows] <= column[rows].min() + scale]
    return rows


def _measure_contents(axes: IntArray, numbers: IntArray, frac: FloatArray) -> FloatArray:
    """Return (k,) a number for the contents of each cell that differs unless they are alike.

    It is a sum of magnitudes of structure factors and of their triplet products, neither of which
    depends on the origin, with weights that have no symmetry. Triplets tell a crystal from its
    inverse, which magnitudes do not.
    """
    indices = np.array(sorted(product(range(-2, 3), repeat=3), key=lambda h: (np.abs(h).sum(), h)))
    indices = indices[[tuple(h) > (0, 0, 0) for h in indices.tolist()]]
    first, second = indices[_PAIRS.T]
    wanted = np.concatenate([indices, first, second, -first - second])
    single, real, imaginary = (
        _draw_weights(count, base)
        for count, base in ((len(indices), 2), (len(_PAIRS), 3), (len(_PAIRS), 5))
    )
    found = []
    for option in axes:
        inside = frac @ np.linalg.inv(option)
        factors = (numbers * np.exp(2j * np.pi * wanted @ inside.T)).sum(axis=1) / numbers.sum()
        alone, *parts = np.split(factors, len(indices) + len(_PAIRS) * np.arange(3))
        triplets = parts[0] * parts[1] * parts[2]
        found.append(single @ np.abs(alone) ** 2 + real @ triplets.real + imaginary @ triplets.imag)
    return np.array(found)


def _draw_weights(count: int, base: int) -> FloatArray:
    """Return (count,) fixed numbers from 0.5 to 1.5 without any pattern."""
    return np.asarray(0.5 + np.mod(np.sqrt(base) * np.arange(1, count + 1) ** 2, 1.0))
