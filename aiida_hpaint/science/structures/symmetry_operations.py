"""Symmetry operations of crystals, and the lattice translations to neighbouring cells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.types import FloatArray, IntArray

# spglib prints from C where it fails; several tolerances are tried, of which some must fail.
os.environ.setdefault("SPGLIB_WARNING", "OFF")

NEIGHBOURS: IntArray = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
"""(27, 3) lattice translations to a cell itself and to all cells that touch it."""


def wrap(frac: FloatArray) -> FloatArray:
    """Return fractional coordinates within [0, 1), where rounding may give 1."""
    wrapped = frac - np.floor(frac)
    return np.where(wrapped >= 1, 0.0, wrapped)


@dataclass(frozen=True, eq=False)
class SymmetryOperations:
    """G operations (W, w): x -> W x + w, on fractional coordinates.

    Attributes
    ----------
    cell : (3, 3)
        Lattice vectors as rows, in Å.
    rotations, translations : (G, 3, 3), (G, 3)
        Matrices W (integers unless a file gives others) and vectors w.
    """

    cell: FloatArray
    rotations: NDArray[Any]
    translations: FloatArray

    @classmethod
    def find(
        cls, cell: FloatArray, numbers: IntArray, frac: FloatArray, tolerance: float
    ) -> SymmetryOperations:
        """Find the operations of a crystal within a tolerance (Å): the identity if spglib fails."""
        import spglib  # here: structures can be read and written without it

        crystal: Any = (cell, frac, numbers)
        found = spglib.get_symmetry(crystal, symprec=tolerance) if len(frac) else None
        if found is None:
            return SymmetryOperations(cell, np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))
        rotations = found["rotations"].astype(np.int64)
        return SymmetryOperations(cell, rotations, np.asarray(found["translations"]))

    def __len__(self) -> int:
        return len(self.rotations)

    def with_identity(self) -> SymmetryOperations:
        """Return the operations with the identity, which lists may leave out, as the first."""
        is_unit = np.isclose(self.rotations, np.eye(3)).all((1, 2))
        shifts = self.translations - np.rint(self.translations)
        if (is_unit & np.isclose(shifts, 0, atol=1e-6).all(1)).any():
            return self
        unit = np.eye(3, dtype=self.rotations.dtype)[None]
        return SymmetryOperations(
            self.cell,
            np.concatenate([unit, self.rotations]),
            np.concatenate([np.zeros((1, 3)), self.translations]),
        )

    def images(self, frac: FloatArray, members: IntArray | None = None) -> FloatArray:
        """Return the (G, m, 3) images of (m, 3) points under all or some (by index) operations."""
        chosen = slice(None) if members is None else members
        turned = np.einsum("gab,mb->gma", self.rotations[chosen], frac)
        return np.asarray(turned + self.translations[chosen][:, None])

    def find_isometries(self, tolerance: float) -> IntArray:
        """Return the indices of the operations that keep lengths and angles of the cell.

        `tolerance` limits the change of the metric (products of lattice vectors), relative to its
        largest element.
        """
        metric = self.cell @ self.cell.T
        turned = self.rotations.transpose(0, 2, 1) @ metric @ self.rotations
        change = np.abs(turned - metric).max((1, 2))
        return np.flatnonzero(change <= tolerance * np.abs(metric).max()).astype(np.int64)
