"""Sites of one host and of its samples, for proposals on Wyckoff positions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import covalent_radii

from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.types import FloatArray, IntArray

BOND, BOND_SPREAD = 1.08, 0.25
"""Best distance to the nearest site of the host, in sums of covalent radii, and the deviation from
it that scores 0."""

SHORTEST_BOND_RATIO = 0.65
"""Smallest distance of a site from the host, in sums of covalent radii."""


@dataclass(frozen=True)
class HostSites:
    """Sites of a host and of its samples, fractional in the cell of the host's group.

    Attributes
    ----------
    host, kinds : (n, 3), (n,)
        The host's own sites and their atomic numbers.
    sampled, weights : (p, 3), (p,)
        Inserted sites of samples, and the share of all samples that each represents.
    special : (s, 3)
        Positions without free parameters.
    kind, count
        Atomic number and number of the sites to insert.
    """

    host: FloatArray
    kinds: IntArray
    sampled: FloatArray
    weights: FloatArray
    special: FloatArray
    kind: int
    count: int

    def first(self, number: int) -> HostSites:
        """Return the same with the first sampled sites only, which represent all."""
        weights = self.weights[:number]
        scaled = weights * (self.weights.sum() / weights.sum())
        return replace(self, sampled=self.sampled[:number], weights=scaled)


def compute_bond_ratios(group: SymmetryGroup, sites: HostSites, points: FloatArray) -> FloatArray:
    """Compute (n,) distances of points to the nearest site of the host, in sums of radii."""
    shifts = wrap_differences(points[:, None] - sites.host)[:, :, None] + NEIGHBOURS
    lengths = np.sqrt(((shifts @ group.cell) ** 2).sum(-1).min(-1))
    radii = covalent_radii[sites.kind] + covalent_radii[sites.kinds]
    return np.asarray((lengths / radii).min(1))


def score_bonds(lengths: FloatArray) -> FloatArray:
    """Score distances to the nearest site of the host: 1 for the best, 0 for bad ones."""
    return np.maximum(0.0, 1 - ((lengths - BOND) / BOND_SPREAD) ** 2)
