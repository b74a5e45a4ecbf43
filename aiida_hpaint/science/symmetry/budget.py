"""Room for inserted sites at the atoms of a host, as its budget says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

LONGEST_BOND = 1.35
"""Longest bond of an inserted site to its parent, in sums of covalent radii, before relaxation."""

SHARED = 0.15
"""Difference of two bonds, in the same unit, up to which both atoms share a site."""


@dataclass(frozen=True)
class Room:
    """How many inserted sites each site of a host carries.

    Attributes
    ----------
    group
        Group of the host, in whose cell all coordinates are fractional.
    host, kinds : (n, 3), (n,)
        Sites of the host and their atomic numbers.
    kind
        Atomic number of the inserted sites.
    places : (n,)
        Number of inserted sites that each site of the host carries.
    """

    group: SymmetryGroup
    host: FloatArray
    kinds: IntArray
    kind: int
    places: IntArray

    @classmethod
    def of(cls, sample: StructureBatch, group: SymmetryGroup) -> Room | None:
        """Return the room in the host of a sample; None unless all parents are known."""
        parents, known = read_parents(sample), ~sample.inserted
        kinds = np.unique(sample.numbers[sample.inserted])
        if not len(parents) or (parents == UNKNOWN).any() or len(kinds) > 1:
            return None
        places = np.bincount(parents, minlength=sample.n_sites)[known]
        sites = group.enter(sample.frac_coords[known])
        return cls(group, sites, sample.numbers[known], int(kinds[0]), places)

    def measure_loads(self, points: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Measure how much of each point (p, 3) each site of the host carries.

        Returns
        -------
        (p, n) loads, which add up to 1 for a point near an atom with room: that atom carries it,
        or atoms that are equally near share it. (p,) False for points that are near none, or
        nearer to an atom that is to carry nothing.
        """
        shifts = wrap_differences(points[:, None] - self.host)[:, :, None] + NEIGHBOURS
        lengths = np.sqrt(((shifts @ self.group.cell) ** 2).sum(-1).min(-1))
        ratios = lengths / (covalent_radii[self.kind] + covalent_radii[self.kinds])
        shortest = ratios.min(1, keepdims=True)
        near = (ratios <= shortest + SHARED) & (ratios <= LONGEST_BOND) & (self.places > 0)
        count = near.sum(1, keepdims=True)
        return near / np.maximum(count, 1), count[:, 0] > 0

    def fits(self, loads: FloatArray) -> bool:
        """Return whether no site of the host carries more than its budget allows, loads (n,)."""
        return bool((loads <= self.places + 1e-6).all())

    def holds(self, points: FloatArray) -> bool:
        """Return whether points (p, 3) are where the budget of the host says."""
        loads, near = self.measure_loads(points)
        return bool(near.all()) and self.fits(loads.sum(0))
