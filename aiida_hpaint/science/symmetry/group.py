"""Symmetry operations of a crystal as a finite group, modulo lattice translations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations, wrap
from aiida_hpaint.science.symmetry.products import multiply_operations
from aiida_hpaint.science.types import FloatArray, HpaintWarning, IntArray

_CLOSER = (1.0, 0.3, 0.1, 0.01)
"""Fractions of the tolerance that are tried until the operations form a group."""

_LARGEST_BLOCK = 500_000
"""Largest number of distances computed at once, to limit memory."""

_MOST_OPERATIONS = 6000
"""Largest number of operations of a group: MgO in 216 sites has 5184."""

_CLOSE_BY = 4
"""Sites that are looked at to find the one that is closest to an image."""


@dataclass(frozen=True, eq=False)
class SymmetryGroup(SymmetryOperations):
    """G operations that form a group, on fractional coordinates of a Minkowski-reduced cell.

    In that cell, rounding finds the closest image of a point that is near. The operations close
    exactly: the translations were averaged until products agree.

    Attributes
    ----------
    cell : (3, 3)
        The reduced cell, lattice vectors as rows, in Å.
    given : (3, 3) integers
        The reduced vectors as multiples of the given ones.
    products : (G, G) integers
        Index of the product of two operations: the one of the row after the one of the column.
    identity
        Index of the identity.
    """

    given: IntArray
    products: NDArray[np.signedinteger]
    identity: int

    @classmethod
    def of(
        cls, cell: FloatArray, numbers: IntArray, frac: FloatArray, tolerance: float
    ) -> SymmetryGroup:
        """Find the group of the sites of a crystal in its cell, within the tolerance (Å).

        Parameters
        ----------
        frac : (n, 3)
            Fractional coordinates in the given cell. Without sites, the group is the identity, and
            so it is in supercells with more than 6000 operations, whose products take gigabytes.
        """
        reduced, steps = minkowski_reduce(cell)
        given = np.rint(steps).astype(np.int64)
        sites = frac @ np.linalg.inv(given)
        for share in _CLOSER if len(sites) else ():
            found = SymmetryOperations.find(reduced, numbers, sites, share * tolerance)
            if len(found) > _MOST_OPERATIONS:
                text = f"none of the {len(found)} symmetry operations of a supercell is used"
                text += f": more than {_MOST_OPERATIONS} take gigabytes"
                warnings.warn(text, HpaintWarning, stacklevel=2)
                break
            shifts = found.translations + _find_deviations(found, numbers, sites)
            group = cls._closed(reduced, given, found.rotations, shifts, tolerance)
            if group is not None:
                return group
        alone = np.eye(3, dtype=np.int64)[None], np.zeros((1, 3))
        return cls(reduced, *alone, given, products=np.zeros((1, 1), dtype=np.int64), identity=0)

    @classmethod
    def _closed(
        cls,
        cell: FloatArray,
        given: IntArray,
        rotations: IntArray,
        translations: FloatArray,
        tolerance: float,
    ) -> SymmetryGroup | None:
        products = multiply_operations(rotations, translations)
        if products is None:
            return None
        gaps, largest = _average_gaps(rotations, translations, products, cell)
        if largest > 2 * tolerance:
            return None
        # The gaps are a 2-cocycle of a finite group: it is the coboundary of its average over one
        # argument, so adding that average to the translations closes the group exactly.
        translations = translations + gaps
        same = (rotations == np.eye(3, dtype=np.int64)).all((1, 2))
        identity = int(np.where(same & (products == np.arange(len(same))).all(1))[0][0])
        return cls(cell, rotations, translations, given, products, identity)

    def enter(self, frac: FloatArray) -> FloatArray:
        """Convert fractional coordinates from the given cell to the reduced one."""
        return np.asarray(frac @ np.linalg.inv(self.given))

    def leave(self, frac: FloatArray) -> FloatArray:
        """Convert fractional coordinates from the reduced cell to the given one, in [0, 1)."""
        moved = frac @ self.given
        return np.asarray(moved - np.floor(moved))

    def part(self, members: IntArray) -> SymmetryGroup:
        """Return the subgroup of some operations, by index."""
        places = np.full(len(self), -1)
        places[members] = np.arange(len(members))
        products = places[self.products[np.ix_(members, members)]]
        chosen = self.rotations[members], self.translations[members]
        return SymmetryGroup(self.cell, *chosen, self.given, products, int(places[self.identity]))

    def blocks(self, members: IntArray, size: int) -> list[IntArray]:
        """Split operations into blocks small enough to compare `size` sites with as many."""
        length = max(1, _LARGEST_BLOCK // max(1, size * size))
        return [members[start : start + length] for start in range(0, len(members), length)]

    def closure(self, members: IntArray) -> IntArray:
        """Return the (k,) indices of the smallest subgroup that contains all members."""
        inside = np.zeros(len(self), dtype=np.bool_)
        inside[members] = True
        inside[self.identity] = True
        size = 0
        while inside.sum() > size:
            known = np.where(inside)[0]
            size = len(known)
            inside[self.products[np.ix_(known, known)]] = True
        return np.where(inside)[0].astype(np.int64)


def _average_gaps(
    rotations: IntArray,
    translations: FloatArray,
    products: NDArray[np.signedinteger],
    cell: FloatArray,
) -> tuple[FloatArray, float]:
    """Return (G, 3) by how much products miss translations, averaged over the right factor.

    The second value is the largest miss of any product, in Å.
    """
    averages, largest = np.zeros_like(translations), 0.0
    for left, rotation in enumerate(rotations):
        moved = translations @ rotation.T + translations[left]
        gaps = wrap_differences(translations[products[left]] - moved)
        averages[left] = gaps.mean(0)
        largest = max(largest, float(((gaps @ cell) ** 2).sum(1).max()))
    return averages, np.sqrt(largest)


def wrap_differences(shift: FloatArray) -> FloatArray:
    """Move differences of fractional coordinates into [-0.5, 0.5]."""
    return np.asarray(shift - np.rint(shift))


def _find_deviations(
    operations: SymmetryOperations, numbers: IntArray, frac: FloatArray
) -> FloatArray:
    """Return (G, 3) mean deviations of sites from images: spglib's translations are off by them."""
    from scipy.spatial import cKDTree

    lengths = np.linalg.norm(operations.cell, axis=1)
    total = np.zeros((len(operations), 3))
    for number in np.unique(numbers):
        sites = frac[numbers == number]
        # Nearly those of space; the nearest of a few is found exactly.
        tree = cKDTree(wrap(sites) * lengths, boxsize=lengths)
        some = np.arange(1, min(_CLOSE_BY, len(sites)) + 1)
        length = max(1, _LARGEST_BLOCK // (len(sites) * len(some)))
        for start in range(0, len(operations), length):
            chosen = np.arange(start, min(start + length, len(operations)))
            images = operations.images(sites, chosen)
            _, near = tree.query(wrap(images) * lengths, some)
            missed = wrap_differences(sites[near] - images[:, :, None])
            closest = ((missed @ operations.cell) ** 2).sum(-1).argmin(-1)
            best = np.take_along_axis(missed, closest[..., None, None], 2)[:, :, 0]
            total[chosen] += best.sum(1)
    return total / len(frac)
