"""The operations of a crystal in its given cell as a finite group: modulo lattice translations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import spglib
from ase.geometry import minkowski_reduce

from aiida_hpaint.science.types import FloatArray, IntArray

_CLOSER = (1.0, 0.3, 0.1, 0.01)
"""Shares of the tolerance to try until the operations found form a group."""

_LARGEST_BLOCK = 500_000
"""Distances computed at once."""


@dataclass(frozen=True)
class SymmetryGroup:
    """G operations (W, w): x -> W x + w, on fractional coordinates of a Minkowski-reduced cell.

    In that cell the closest image of a point that is near is the one that rounding finds.

    Attributes
    ----------
    cell : (3, 3)
        The reduced cell, lattice vectors as rows, in Å.
    given : (3, 3) integers
        The reduced vectors as multiples of the given ones.
    rotations, translations : (G, 3, 3), (G, 3)
        They close exactly: the translations were averaged until products agree.
    products : (G, G) integers
        Index of the operation that is the one of the row after the one of the column.
    identity
        Index of the identity.
    """

    cell: FloatArray
    given: IntArray
    rotations: IntArray
    translations: FloatArray
    products: IntArray
    identity: int

    @classmethod
    def of(
        cls, cell: FloatArray, numbers: IntArray, frac: FloatArray, tolerance: float
    ) -> SymmetryGroup:
        """The group of the sites of a crystal in its cell, within the tolerance (Å).

        Parameters
        ----------
        frac : (n, 3)
            Fractional coordinates in the given cell. Without any site: the identity alone.
        """
        reduced, steps = minkowski_reduce(cell)
        given = np.rint(steps).astype(np.int64)
        sites = frac @ np.linalg.inv(given)
        for share in _CLOSER if len(sites) else ():
            found = _operations(reduced, numbers, sites, share * tolerance)
            group = cls._closed(reduced, given, *found, tolerance)
            if group is not None:
                return group
        alone = np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)), np.zeros((1, 1), dtype=np.int64)
        return cls(reduced, given, *alone, identity=0)

    @classmethod
    def _closed(
        cls,
        cell: FloatArray,
        given: IntArray,
        rotations: IntArray,
        translations: FloatArray,
        tolerance: float,
    ) -> SymmetryGroup | None:
        products, gaps = _multiply(rotations, translations)
        if products is None or np.linalg.norm(gaps @ cell, axis=-1).max() > 2 * tolerance:
            return None
        # The gaps are a 2-cocycle; its average over one argument is what to add to make it zero.
        translations = translations + gaps.mean(1)
        same = (rotations == np.eye(3, dtype=np.int64)).all((1, 2))
        identity = int(np.where(same & (products == np.arange(len(same))).all(1))[0][0])
        return cls(cell, given, rotations, translations, products, identity)

    def __len__(self) -> int:
        return len(self.rotations)

    def enter(self, frac: FloatArray) -> FloatArray:
        """Fractional coordinates in the reduced cell, from those in the given one."""
        return np.asarray(frac @ np.linalg.inv(self.given))

    def leave(self, frac: FloatArray) -> FloatArray:
        """Fractional coordinates in the given cell, from those in the reduced one, in [0, 1)."""
        moved = frac @ self.given
        return np.asarray(moved - np.floor(moved))

    def images(self, frac: FloatArray, members: IntArray | None = None) -> FloatArray:
        """(members, m, 3) images of (m, 3) points under operations (by index), all by default."""
        chosen = slice(None) if members is None else members
        turned = np.einsum("gab,mb->gma", self.rotations[chosen], frac)
        return np.asarray(turned + self.translations[chosen][:, None])

    def part(self, members: IntArray) -> SymmetryGroup:
        """The subgroup that has these operations, by index."""
        places = np.full(len(self), -1)
        places[members] = np.arange(len(members))
        products = places[self.products[np.ix_(members, members)]]
        chosen = self.rotations[members], self.translations[members]
        return SymmetryGroup(self.cell, self.given, *chosen, products, int(places[self.identity]))

    def keeping_cell(self, tolerance: float) -> IntArray:
        """(k,) operations whose rotations keep all products of lattice vectors, relatively."""
        metric = self.cell @ self.cell.T
        turned = self.rotations.transpose(0, 2, 1) @ metric @ self.rotations
        change = np.abs(turned - metric).max((1, 2))
        return np.flatnonzero(change <= tolerance * np.abs(metric).max()).astype(np.int64)

    def blocks(self, members: IntArray, size: int) -> list[IntArray]:
        """Operations in blocks small enough to compare `size` sites with as many for each."""
        length = max(1, _LARGEST_BLOCK // max(1, size * size))
        return [members[start : start + length] for start in range(0, len(members), length)]

    def closure(self, members: IntArray) -> IntArray:
        """(k,) the smallest subgroup that has all members, by index, in order."""
        inside = np.zeros(len(self), dtype=np.bool_)
        inside[members] = True
        inside[self.identity] = True
        size = 0
        while inside.sum() > size:
            known = np.where(inside)[0]
            size = len(known)
            inside[self.products[np.ix_(known, known)]] = True
        return np.where(inside)[0].astype(np.int64)


def wrap_differences(shift: FloatArray) -> FloatArray:
    """Differences of fractional coordinates, each moved into [-0.5, 0.5]."""
    return np.asarray(shift - np.rint(shift))


def _operations(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, tolerance: float
) -> tuple[IntArray, FloatArray]:
    crystal: Any = (cell, frac, numbers)
    found = spglib.get_symmetry(crystal, symprec=tolerance)
    if found is None:
        return np.eye(3, dtype=np.int64)[None], np.zeros((1, 3))
    rotations = found["rotations"].astype(np.int64)
    pairs = zip(rotations, found["translations"], strict=True)
    fitted = [_fitted(cell, numbers, frac, rotation, shift) for rotation, shift in pairs]
    return rotations, np.array(fitted)


def _fitted(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, rotation: IntArray, shift: FloatArray
) -> FloatArray:
    """A translation corrected by how much it misses on average: spglib's are off by hundredths."""
    missed = wrap_differences(frac - (frac @ rotation.T + shift)[:, None])
    squares = ((missed @ cell) ** 2).sum(-1)
    squares[numbers[:, None] != numbers] = np.inf
    partners = squares.argmin(1)
    return np.asarray(shift + missed[np.arange(len(frac)), partners].mean(0))


def _multiply(rotations: IntArray, translations: FloatArray) -> tuple[IntArray | None, FloatArray]:
    """(G, G) products and (G, G, 3) by how much their translations miss, fractional."""
    size = len(rotations)
    kinds: dict[bytes, list[int]] = {}
    for index, rotation in enumerate(rotations):
        kinds.setdefault(rotation.tobytes(), []).append(index)
    products, gaps = np.zeros((size, size), dtype=np.int64), np.zeros((size, size, 3))
    for left in range(size):
        turned = rotations[left] @ rotations
        alike = [kinds.get(rotation.tobytes(), []) for rotation in turned]
        if len({len(members) for members in alike} | {len(kinds[rotations[0].tobytes()])}) > 1:
            return None, gaps
        members = np.array(alike)
        moved = translations @ rotations[left].T + translations[left]
        shifts = wrap_differences(translations[members] - moved[:, None])
        best = (shifts**2).sum(-1).argmin(1)
        rows = np.arange(size)
        products[left], gaps[left] = members[rows, best], shifts[rows, best]
    return products, gaps
