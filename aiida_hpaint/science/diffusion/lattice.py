"""Compact cells and their periodic images: what makes dense geometry cheap."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import spglib

from aiida_hpaint.science.types import FloatArray, IntArray

_TIE = 1e-5
# new in spglib 2.7, which means to raise it where None is returned now
_SpglibError: type[Exception] = getattr(spglib, "SpglibError", ValueError)


def reduce_cell(cell: FloatArray) -> IntArray:
    """Integer matrix T for which the rows of T @ cell are pairwise reduced lattice vectors.

    Works on the metric tensor with a margin at ties, so that rotated copies of a cell, which
    differ by rounding, are reduced alike (half-integer ties are the rule in hexagonal cells).

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
    """Integer matrix T for which the rows of T @ cell are the Niggli-reduced lattice vectors.

    The cell in which MatterGen's training data are. What spglib cannot reduce stays as
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
    """The first shear that shortens a lattice vector by another one, if there is one."""
    for i in range(3):
        for j in range(3):
            ratio = abs(metric[i, j]) / metric[j, j]
            if i != j and ratio > 0.5 + _TIE:
                step = np.eye(3, dtype=np.int64)
                step[i, j] = -int(np.sign(metric[i, j])) * int(np.ceil(ratio - 0.5 - _TIE))
                return step
    return None


def orient_cell(cell: FloatArray) -> FloatArray:
    """The cell in standard orientation: lower triangular, with the same metric tensor.

    Independent of how the crystal is turned in space (up to rounding).
    """
    return np.asarray(np.linalg.cholesky(cell @ cell.T), dtype=np.float64)


def list_image_translations(cell: FloatArray, cutoff: float) -> FloatArray:
    """Translations (M, 3), Cartesian Å, that can bring two sites of the cell within the cutoff.

    Meant for differences that are wrapped to [-1/2, 1/2) in fractional coordinates first.
    """
    return _translations(np.ascontiguousarray(cell, dtype=np.float64).tobytes(), float(cutoff))


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
