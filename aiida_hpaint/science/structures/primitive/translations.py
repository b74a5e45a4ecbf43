"""Translations within a cell that map a crystal onto itself, and the primitive cell they make."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

__all__ = ["Translations", "find_translations"]

_LOOSEST, _TIGHTEST = 0.05, 0.01
"""Limits in Å of the distance within which a translated site is on another one. Expansions give
back the sites of the file, so that the tolerance decides what repeats, and moves nothing."""

_DIGITS = (2, 3, 4, 5)
"""Numbers of decimals that coordinates may be rounded to."""


@dataclass(frozen=True, eq=False)
class Translations:
    """T translations that form a group, the identity first, and what they do to the sites.

    Attributes
    ----------
    vectors : (T, 3) integers
        Fractional translations in units of 1 / `order`, from 0 to `order` - 1.
    order
        Their common denominator.
    images : (T, n) integers
        The site that each translation maps each site to.
    """

    vectors: IntArray
    order: int
    images: IntArray

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def fractions(self) -> FloatArray:
        """(T, 3) fractional translations, exact where the denominator is a power of two."""
        return np.asarray(self.vectors / self.order)

    def part(self, members: BoolArray) -> Translations:
        """Return the translations of a mask (T,), which have to be a subgroup."""
        return Translations(self.vectors[members], self.order, self.images[members])

    def find_primitive_vectors(self, cell: FloatArray) -> IntArray:
        """Find the lattice vectors of a cell (Å, rows) as multiples of those of its primitive cell.

        Returns
        -------
        (3, 3) integers N, whose determinant is the number of translations: the given cell is N
        times the primitive one, whose vectors are the shortest that there are.
        """
        from ase.geometry import minkowski_reduce  # here: ase costs a tenth of a second

        reduced, steps = minkowski_reduce(cell)
        inside = self.fractions @ np.linalg.inv(steps)
        inside -= np.rint(inside)
        shifts = np.array(list(product((-1, 0, 1), repeat=3)))
        points = (inside[:, None] + shifts).reshape(-1, 3)
        lengths = np.linalg.norm(points @ reduced, axis=1)
        chosen: list[int] = []
        # In three dimensions the shortest independent vectors of a lattice are a basis of it.
        for index in np.lexsort((*points.T.round(6), lengths.round(6))):
            if np.linalg.matrix_rank(points[[*chosen, index]], tol=1e-4) > len(chosen):
                chosen.append(index)
            if len(chosen) == 3:
                break
        basis = points[chosen] @ steps
        multiples = np.rint(np.linalg.inv(basis)).astype(np.int64)
        return multiples if np.linalg.det(multiples) > 0 else -multiples


def find_translations(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, tolerance: float | None = None
) -> Translations:
    """Find the translations within a cell (Å) that map each site to one of the same number.

    Parameters
    ----------
    numbers, frac : (n,), (n, 3)
        Atomic numbers, or any other kinds, and fractional coordinates.
    tolerance
        Largest distance in Å of a translated site from the site that it becomes; None: what the
        rounding of the coordinates leaves undecided, from 0.01 to 0.05 Å.
    """
    alone = Translations(np.zeros((1, 3), dtype=np.int64), 1, np.arange(len(numbers))[None])
    counts = np.unique(numbers, return_counts=True)[1] if len(numbers) else np.ones(1, dtype=int)
    if np.gcd.reduce(counts) == 1:
        return alone
    limit = _estimate_precision(cell, frac) if tolerance is None else tolerance
    # Where translations that are found one by one are no group, a tighter limit decides.
    for share in (1.0, 0.3, 0.1):
        found = _find_group(cell, numbers, frac, share * limit)
        if found is not None:
            return found
    return alone


def _estimate_precision(cell: FloatArray, frac: FloatArray) -> float:
    """Return how far apart (Å) two sites may be by the rounding of their coordinates."""
    for digits in _DIGITS:
        scaled = frac * 10**digits
        if np.abs(scaled - np.rint(scaled)).max() < 1e-6:
            spread = 10.0**-digits * float(np.linalg.norm(cell, axis=1).sum())
            return float(np.clip(spread, _TIGHTEST, _LOOSEST))
    return _TIGHTEST


def _find_group(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, tolerance: float
) -> Translations | None:
    """Return all translations within a tolerance (Å); None if they are no group."""
    kinds, counts = np.unique(numbers, return_counts=True)
    members = [np.flatnonzero(numbers == kind) for kind in kinds[np.argsort(counts)]]
    first = members[0]
    found = [(np.zeros(3), np.arange(len(numbers)))]
    for other in first[1:]:
        shift = frac[other] - frac[first[0]]
        image = _map_sites(cell, frac, members, shift, tolerance)
        if image is None:
            continue
        # Rounding hides that a translation is a fraction of a lattice vector; how often it has to
        # be repeated until the first site is back does not depend on rounding.
        repeats = _count_repeats(image, int(first[0]))
        exact = np.rint(shift * repeats) / repeats
        image = _map_sites(cell, frac, members, exact - np.floor(exact), tolerance)
        if image is not None:
            found.append((exact - np.floor(exact), image))
    order = len(found)
    vectors = np.rint(np.array([shift for shift, _ in found]) * order).astype(np.int64) % order
    rows = {tuple(vector) for vector in vectors.tolist()}
    sums = ((vectors[:, None] + vectors) % order).reshape(-1, 3)
    if len(rows) < order or {tuple(one) for one in sums.tolist()} != rows:
        return None
    return Translations(vectors, order, np.array([image for _, image in found]))


def _map_sites(
    cell: FloatArray,
    frac: FloatArray,
    members: list[IntArray],
    shift: FloatArray,
    tolerance: float,
) -> IntArray | None:
    """Return (n,) the site that each one is moved to; None if one of them is moved to none."""
    image = np.full(len(frac), -1, dtype=np.int64)
    for sites in members:
        apart = frac[sites][:, None] + shift - frac[sites]
        apart -= np.rint(apart)
        distances = np.linalg.norm(apart @ cell, axis=2)
        nearest = distances.argmin(1)
        if distances.min(1).max() > tolerance or len(set(nearest.tolist())) < len(sites):
            return None
        image[sites] = sites[nearest]
    return image


def _count_repeats(image: IntArray, site: int) -> int:
    count, place = 1, int(image[site])
    while place != site:
        count, place = count + 1, int(image[place])
    return count
