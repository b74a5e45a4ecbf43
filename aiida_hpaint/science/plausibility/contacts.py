"""Contacts of inserted sites with other sites, for all samples of a host at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

FARTHEST = 1.6
"""Largest distance of a contact, relative to the sum of covalent radii."""

HYDROGEN_BOND = 2.2
"""Distance in Å up to which all pairs are contacts, whatever their radii."""

_LARGEST_BLOCK = 1_000_000
"""Largest number of distances computed at once, to limit memory."""


@dataclass(frozen=True)
class Contacts:
    """P pairs of an inserted site with any site or periodic image, in S samples of one host.

    Attributes
    ----------
    numbers : (n,) integers
        Atomic numbers of the sites of each sample.
    inserted : (n,) booleans
        Which sites are inserted.
    size : integer
        Number of samples.
    sample : (P,) integers
        Sample that each pair belongs to.
    first, second : (P,) integers
        Sites; the first is inserted. A pair of inserted sites is listed twice.
    distance : (P,) floats
        In Å.
    radii : (P,) floats
        Sums of covalent radii (Cordero et al., Dalton Trans. 2008, 2832), in Å.
    """

    numbers: IntArray
    inserted: BoolArray
    size: int
    sample: IntArray
    first: IntArray
    second: IntArray
    distance: FloatArray
    radii: FloatArray

    @property
    def ratio(self) -> FloatArray:
        """(P,) distances as shares of the sums of the radii."""
        return self.distance / self.radii

    def elements(self) -> tuple[IntArray, IntArray]:
        """Return the (P,) atomic numbers of the first and of the second sites."""
        return self.numbers[self.first], self.numbers[self.second]

    def with_hydrogen(self) -> BoolArray:
        """Return (P,) whether one of the two sites is H."""
        first, second = self.elements()
        return np.asarray((first == 1) | (second == 1))

    def count_sites(self, chosen: BoolArray, *, second: bool = False) -> IntArray:
        """Count (S, n) the chosen pairs that have each site as their first (second) site."""
        sites = self.second if second else self.first
        flat = (self.sample * len(self.numbers) + sites)[chosen]
        counts = np.bincount(flat, minlength=self.size * len(self.numbers))
        return counts.astype(np.int64).reshape(self.size, len(self.numbers))

    def count(self, chosen: BoolArray) -> IntArray:
        """Count the (S,) chosen pairs of each sample."""
        return np.bincount(self.sample[chosen], minlength=self.size).astype(np.int64)


def find_contacts(samples: StructureBatch, members: NDArray[np.intp]) -> Contacts:
    """Find the contacts of the inserted sites of samples with the same sites."""
    cells = samples.cells[members]
    if (cells == cells[0]).all():
        return _find_in_one_cell(samples, members)
    alone = [_find_in_one_cell(samples, member) for member in members[:, None]]
    rows = np.repeat(np.arange(len(members)), [len(each.sample) for each in alone])
    first, second, distance, radii = (
        np.concatenate([getattr(each, name) for each in alone])
        for name in ("first", "second", "distance", "radii")
    )
    return replace(
        alone[0],
        size=len(members),
        sample=rows,
        first=first,
        second=second,
        distance=distance,
        radii=radii,
    )


def _find_in_one_cell(samples: StructureBatch, members: NDArray[np.intp]) -> Contacts:
    """Find the contacts of samples in the cell of the first of them."""
    one = samples[int(members[0])]
    sites = samples.offsets[members][:, None] + np.arange(one.n_sites)
    frac, moved = samples.frac_coords[sites], np.flatnonzero(one.inserted)
    radii = covalent_radii[one.numbers]
    reach = np.maximum(FARTHEST * (radii[moved][:, None] + radii[None]), HYDROGEN_BOND)
    shifts = _images(one.cells[0], float(reach.max(initial=0.0)))
    size = max(1, _LARGEST_BLOCK // max(1, reach.size * len(shifts)))
    parts = []
    for start in range(0, len(members), size):
        block = frac[start : start + size]
        between = block[:, None] - block[:, moved][:, :, None]
        between -= np.round(between)
        distance = np.linalg.norm((between[..., None, :] + shifts) @ one.cells[0], axis=-1)
        # No site is a contact of itself; its periodic images are.
        distance[:, np.arange(len(moved)), moved] += np.where(shifts.any(axis=1), 0.0, np.inf)
        sample, a, b, image = np.nonzero(distance <= reach[..., None])
        parts.append((sample + start, moved[a], b, distance[sample, a, b, image]))
    sample, first, second, found = (np.concatenate(column) for column in zip(*parts, strict=True))
    sums = radii[first] + radii[second]
    return Contacts(one.numbers, one.inserted, len(members), sample, first, second, found, sums)


def _images(cell: FloatArray, reach: float) -> FloatArray:
    """Return (I, 3) lattice translations to all images within reach (Å) of a site."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    most = np.floor(reach / heights + 0.5).astype(int)
    grids = np.meshgrid(*[np.arange(-count, count + 1) for count in most], indexing="ij")
    return np.stack(grids, axis=-1).reshape(-1, 3).astype(np.float64)
