"""Which operations of a host its restored structure keeps, and sites averaged over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations, wrap
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

__all__ = ["KeptSymmetry", "find_kept_symmetry"]

_SAME_TRANSLATION = 1e-3
"""Largest difference of fractional translations of one operation."""

_MOST_PAIRS = 100_000
"""Pairs of sites whose distances are computed at once."""

_NONE = -1
"""Index of a product that is not among the operations."""


@dataclass(frozen=True, eq=False)
class KeptSymmetry:
    """Operations that map n sites onto themselves and form a group.

    Attributes
    ----------
    operations
        The G operations that are kept, in the order in which they were given; the identity is
        among them.
    partners : (G, n)
        Site onto which each operation maps each site.
    deviations : (T,)
        Largest distance (Å) between an image and its site for each operation that was tried;
        infinite where images and sites cannot be paired within the tolerance.
    worst : (T,)
        Site whose image is farthest from any site of its kind, for each operation tried.
    kept : (G,)
        Which of the operations tried are kept.
    """

    operations: SymmetryOperations
    partners: IntArray
    deviations: FloatArray
    worst: IntArray
    kept: IntArray

    @property
    def tried(self) -> int:
        """Number of operations that were tried."""
        return len(self.deviations)

    @property
    def orbits(self) -> IntArray:
        """(n,) first site of the orbit that each site belongs to."""
        return np.asarray(self.partners.min(0), dtype=np.int64)

    def average(self, frac: FloatArray) -> FloatArray:
        """Return (n, 3) fractional coordinates averaged over the images of equivalent sites."""
        images = self.operations.images(frac)
        shifts = images - frac[self.partners]
        shifts -= np.rint(shifts)
        total = np.zeros_like(frac)
        np.add.at(total, self.partners, shifts)
        return np.asarray(frac + total / len(self.operations))


def find_kept_symmetry(
    operations: SymmetryOperations,
    kinds: IntArray,
    frac: FloatArray,
    tolerance: float,
    allowed: BoolArray | None = None,
) -> KeptSymmetry:
    """Find a largest group among operations that map sites onto sites of their kind.

    Operations are added from the one with the smallest deviation on, each with all its products;
    one that would bring in an operation beyond the tolerance is left out.

    Parameters
    ----------
    operations
        Operations of a space group, the identity included.
    kinds, frac : (n,), (n, 3)
        Kinds of sites (elements) and fractional coordinates of all sites of the cell.
    tolerance
        Largest distance in Å between an image and its site.
    allowed : (T,) booleans
        Operations that may be kept; None: all.
    """
    deviations, partners, worst = _pair_sites(operations, kinds, frac, tolerance)
    if allowed is not None:
        deviations = np.where(allowed, deviations, np.inf)
    # Only operations within the tolerance can be members: of a supercell these are few of many.
    is_near = deviations <= tolerance
    is_near[_find_identity(operations)] = True  # also where sites have no positions
    near = np.flatnonzero(is_near)
    # All operations are a group, as most hosts keep it: no products are needed.
    kept = near if is_near.all() else _find_largest_group(operations, near, deviations)
    return KeptSymmetry(
        SymmetryOperations(
            operations.cell, operations.rotations[kept], operations.translations[kept]
        ),
        partners[kept],
        deviations,
        worst,
        kept,
    )


def _find_largest_group(
    operations: SymmetryOperations, near: IntArray, deviations: FloatArray
) -> IntArray:
    """Return a largest group among the `near` operations; see `find_kept_symmetry`."""
    possible = SymmetryOperations(
        operations.cell, operations.rotations[near], operations.translations[near]
    )
    products = _multiply(possible)
    members = {_find_identity(possible)}
    for index in np.argsort(deviations[near], kind="stable").tolist():
        if index not in members:
            grown = _close(products, members | {index})
            members = members if _NONE in grown else grown
    return np.asarray(near[sorted(members)])


def _pair_sites(
    operations: SymmetryOperations, kinds: IntArray, frac: FloatArray, tolerance: float
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return (T,) largest deviations (Å), (T, n) partners and (T,) worst sites of operations."""
    partners = np.full((len(operations), len(frac)), -1, dtype=np.int64)
    nearest = np.full(partners.shape, np.inf)
    groups = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    at_once = max(1, _MOST_PAIRS // max(1, len(frac)) ** 2)
    for begin in range(0, len(operations), at_once):
        chosen = np.arange(begin, min(begin + at_once, len(operations)))
        images = operations.images(frac, chosen)
        for alike in groups:
            shifts = images[:, alike, None] - frac[alike]
            shifts -= np.rint(shifts)
            squares = ((shifts @ operations.cell) ** 2).sum(-1)
            closest = squares.argmin(-1)
            partners[np.ix_(chosen, alike)] = alike[closest]
            shortest = np.take_along_axis(squares, closest[..., None], -1)[..., 0]
            nearest[np.ix_(chosen, alike)] = np.sqrt(shortest)
    worst = nearest.argmax(1) if len(frac) else np.zeros(len(operations), dtype=np.int64)
    deviations = nearest.max(1, initial=0.0)
    is_permutation = (np.sort(partners, 1) == np.arange(len(frac))).all(1)
    return np.where(is_permutation & (deviations <= tolerance), deviations, np.inf), partners, worst


def _multiply(operations: SymmetryOperations) -> IntArray:
    """Return the (G, G) index of each product, the row after the column; -1 where it is none."""
    from scipy.spatial import cKDTree  # here: many commands write no CIF

    rotations, kinds = np.unique(
        np.rint(operations.rotations).astype(np.int64).reshape(-1, 9), axis=0, return_inverse=True
    )
    kinds = kinds.reshape(-1)
    matrices = rotations.reshape(-1, 3, 3)
    by_kind = [np.flatnonzero(kinds == kind) for kind in range(len(matrices))]
    trees = [cKDTree(wrap(operations.translations[one]), boxsize=1.0) for one in by_kind]
    numbers = {matrix.tobytes(): kind for kind, matrix in enumerate(matrices)}
    products = np.full((len(operations), len(operations)), _NONE, dtype=np.int64)
    for first, second in np.ndindex(len(matrices), len(matrices)):
        product = numbers.get((matrices[first] @ matrices[second]).tobytes())
        if product is None:
            continue
        left, right = by_kind[first], by_kind[second]
        turned = operations.translations[right] @ matrices[first].T
        moved = wrap(turned[None] + operations.translations[left, None])
        limit = {"p": np.inf, "distance_upper_bound": _SAME_TRANSLATION}
        _, places = trees[product].query(moved, **limit)
        # Where there is no neighbour, the place is the number of translations.
        others = np.append(by_kind[product], _NONE)
        products[np.ix_(left, right)] = others[places]
    return products


def _find_identity(operations: SymmetryOperations) -> int:
    is_unit = (np.abs(operations.rotations - np.eye(3)) < 0.5).all((1, 2))
    shifts = operations.translations - np.rint(operations.translations)
    return int(np.flatnonzero(is_unit & (np.abs(shifts) < _SAME_TRANSLATION).all(1))[0])


def _close(products: IntArray, members: set[int]) -> set[int]:
    """Return the smallest set that contains some operations and all products."""
    size = 0
    while len(members) > size:
        size = len(members)
        rows = np.array(sorted(members))
        members = set(np.unique(products[np.ix_(rows, rows)]).tolist())
        if _NONE in members:
            break
    return members
