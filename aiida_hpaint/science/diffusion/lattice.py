"""Reduced cells and their periodic images. In a reduced cell few images are within a cutoff."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import spglib

from aiida_hpaint.science.types import FloatArray, IntArray

_TIE = 1e-5
"""Relative margin within which cells count as reduced already."""
# spglib 2.7 has this error, and plans to raise it where it returns None now.
_SpglibError: type[Exception] = getattr(spglib, "SpglibError", ValueError)


def reduce_cell(cell: FloatArray) -> IntArray:
    """Reduce a cell: find the integer matrix T that makes the rows of T @ cell pairwise reduced.

    No lattice vector is shortened by adding another one. The margin makes rotated copies of a
    cell, whose metric tensors differ by rounding, reduce alike: in a hexagonal cell, for example,
    two vectors of 120 degrees are exactly at the limit.

    Parameters
    ----------
    cell : (3, 3) lattice vectors as rows, Å.
    """
    transform = np.eye(3, dtype=np.int64)
    metric = cell @ cell.T
    for _ in range(100):
        step = _shear(metric)
        if step is None:
            break
        transform = step @ transform
        metric = step @ metric @ step.T
    return transform


def reduce_to_niggli(cell: FloatArray) -> IntArray:
    """Find the integer matrix T that makes the rows of T @ cell Niggli-reduced.

    MatterGen's training data have these cells. A cell that spglib cannot reduce stays as
    `reduce_cell` leaves it.

    Parameters
    ----------
    cell : (3, 3) lattice vectors as rows, Å.
    """
    compact = reduce_cell(cell)
    try:
        reduced = spglib.niggli_reduce(compact @ cell, eps=_TIE)
    except _SpglibError:
        return compact
    if reduced is None:
        return compact
    steps = np.rint(reduced @ np.linalg.inv(compact @ cell)).astype(np.int64)
    return np.asarray(steps @ compact)


def _shear(metric: FloatArray) -> IntArray | None:
    """Find the first shear that shortens a lattice vector by another one, or None."""
    for i in range(3):
        for j in range(3):
            ratio = abs(metric[i, j]) / metric[j, j]
            if i != j and ratio > 0.5 + _TIE:
                step = np.eye(3, dtype=np.int64)
                step[i, j] = -int(np.sign(metric[i, j])) * int(np.ceil(ratio - 0.5 - _TIE))
                return step
    return None


def orient_cell(cell: FloatArray) -> FloatArray:
    """Turn a cell into standard orientation: lower triangular, with the same metric tensor.

    The result does not depend on the orientation of the crystal (up to rounding).
    """
    return np.asarray(np.linalg.cholesky(cell @ cell.T), dtype=np.float64)


def make_symmetric(cell: FloatArray) -> FloatArray:
    """Turn a cell (3, 3), Å, so that its matrix of lattice vectors is symmetric and positive.

    It is the square root of the metric tensor, which the orientation does not change.
    """
    values, vectors = np.linalg.eigh(cell @ cell.T)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)


def list_image_translations(cell: FloatArray, cutoff: float) -> FloatArray:
    """List translations (M, 3), Å, that can bring two sites of the cell within the cutoff.

    They are to be added to differences of positions that are wrapped to [-1/2, 1/2) in fractional
    coordinates.
    """
    return _translations(np.ascontiguousarray(cell, dtype=np.float64).tobytes(), float(cutoff))


def find_shortest_distances(cell: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the shortest distances (n, m), Å, between fractional points over all images."""
    shift = right[None] - left[:, None]
    wrapped = (shift - np.round(shift)) @ cell
    images = wrapped[:, :, None] + list_image_translations(cell, 0.0)
    return np.asarray(np.linalg.norm(images, axis=-1).min(-1))


@lru_cache(maxsize=50_000)
def _translations(cell_bytes: bytes, cutoff: float) -> FloatArray:
    cell = np.frombuffer(cell_bytes).reshape(3, 3)
    corners = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    reach = cutoff + float(np.linalg.norm(corners, axis=1).max())
    spacings = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    limits = np.ceil(reach / spacings).astype(int)
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    translations = steps @ cell
    near = np.linalg.norm(translations, axis=1) <= reach + 1e-9
    return np.asarray(translations[near], dtype=np.float64)
