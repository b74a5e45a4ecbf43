"""All images of the listed sites of a record in one cell, and which of them are close."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aiida_hpaint.science.structures.elements import ISOTOPES
from aiida_hpaint.science.structures.periodic_pairs import find_periodic_pairs
from aiida_hpaint.science.structures.reading.expand import find_images, is_partial
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray, IntArray

REACH = 3.0
"""Longest distance (Å) that is looked at: alternatives are closer to each other."""


def is_hydrogen(site: ListedSite) -> bool:
    """Return whether a site is hydrogen or one of its isotopes."""
    return site.symbol == "H" or site.symbol in ISOTOPES


def is_placed(site: ListedSite) -> bool:
    """Return whether a row stands for atoms at a position: no dummy, and not left empty."""
    return site.position is not None and not site.is_dummy and site.occupancy > 0


@dataclass(frozen=True, eq=False)
class Images:
    """The A images of all placed sites in one cell.

    Attributes
    ----------
    record
        The record.
    frac : (A, 3)
        Fractional coordinates: the first image of each site is as listed, the others in [0, 1).
    owners : (A,)
        Index in the record of the site of each image.
    moved : (G, A)
        Image that each operation takes an image to.
    first, second, distances : (P,)
        Pairs of different images up to `REACH`, each of them twice, and their distances in Å.
    """

    record: Record
    frac: FloatArray
    owners: IntArray
    moved: IntArray
    first: IntArray
    second: IntArray
    distances: FloatArray

    @classmethod
    def of(cls, record: Record) -> Images:
        """Expand a record, with all alternatives of its disorder at once."""
        frac, owners, moved, count = [], [], [], 0
        for index, site in enumerate(record.sites):
            if not is_placed(site) or site.position is None:
                continue
            positions, permuted = _expand(site.position, is_partial(site), record.operations)
            frac.append(positions)
            owners += [index] * len(positions)
            moved.append(permuted + count)
            count += len(positions)
        if not count:
            empty = np.zeros(0, dtype=np.int64)
            none = np.zeros((len(record.operations), 0), dtype=np.int64)
            return cls(record, np.zeros((0, 3)), empty, none, empty, empty, np.zeros(0))
        found = _find_pairs(record, np.concatenate(frac))
        return cls(record, np.concatenate(frac), np.array(owners), np.concatenate(moved, 1), *found)

    @property
    def occupancies(self) -> FloatArray:
        """The (A,) occupancy of each image."""
        return np.array([self.record.sites[index].occupancy for index in self.owners])

    @property
    def are_hydrogen(self) -> IntArray:
        """The (A,) answer for each image whether it is hydrogen."""
        return np.array([is_hydrogen(self.record.sites[i]) for i in self.owners], dtype=np.bool_)

    def site(self, image: int) -> ListedSite:
        """Return the listed site of an image."""
        return self.record.sites[int(self.owners[image])]

    def of_site(self, index: int) -> IntArray:
        """Return the images of a listed site, the listed position first."""
        return np.flatnonzero(self.owners == index)

    def pairs(self, reach: float = REACH) -> list[tuple[int, int, float]]:
        """List the pairs i < j of different images up to a distance (Å), with it."""
        chosen = (self.first < self.second) & (self.distances <= reach)
        return [
            (int(i), int(j), float(d))
            for i, j, d in zip(
                self.first[chosen], self.second[chosen], self.distances[chosen], strict=True
            )
        ]


@lru_cache(maxsize=2048)  # a record is expanded several times while it is ordered
def _expand(
    position: tuple[float, float, float], are_strict: bool, operations: SymmetryOperations
) -> tuple[FloatArray, IntArray]:
    """Return the images of one position, and which image each operation takes each image to."""
    found = find_images(np.array(position), operations, are_strict)
    apart = operations.images(found)[:, :, None] - found
    apart -= np.round(apart)
    permuted = np.linalg.norm(apart @ operations.cell, axis=3).argmin(axis=2)
    return found, permuted.astype(np.int64)


def _find_pairs(record: Record, frac: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Find the pairs up to `REACH`; of several lattice translations the shortest counts."""
    first, second, distances = find_periodic_pairs(frac, record.cell, REACH)
    order = np.lexsort((distances, second, first))
    first, second, distances = first[order], second[order], distances[order]
    keep = first != second
    keep[1:] &= (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return first[keep], second[keep], distances[keep]
