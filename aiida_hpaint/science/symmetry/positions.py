"""Orbits that inserted sites could occupy: near sampled sites, or without free parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import spglib
from ase.data import covalent_radii

from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.symmetry.budget import Room
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.symmetry.orbits import (
    centre_on_images,
    compute_distances,
    make_orbit,
    snap_to_symmetry,
)
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

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
    room
        Which sites of the host carry them; None where that is not known.
    """

    host: FloatArray
    kinds: IntArray
    sampled: FloatArray
    weights: FloatArray
    special: FloatArray
    kind: int
    count: int
    room: Room | None = None

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


_STEPS = np.array([0, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21]) / 24
"""Coordinates of such positions in the standard settings of the International Tables."""


def find_special_positions(
    group: SymmetryGroup, numbers: IntArray, frac: FloatArray, tolerance: float
) -> FloatArray:
    """Find (n, 3) points, fractional in the group's cell, without free parameters.

    Parameters
    ----------
    numbers, frac : (n,), (n, 3)
        The host's sites, fractional in the group's cell.
    tolerance
        Tolerance in Å of the symmetry of the host.
    """
    crystal: Any = (group.cell, frac, numbers)
    found = spglib.get_symmetry_dataset(crystal, symprec=tolerance)
    if found is None:
        return np.zeros((0, 3))
    grid = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS, indexing="ij"), -1).reshape(-1, 3)
    points = (grid - found.origin_shift) @ np.linalg.inv(found.transformation_matrix).T
    shifts = wrap_differences(np.swapaxes(group.images(points), 0, 1) - points[:, None])
    lengths = np.linalg.norm(shifts @ group.cell, axis=-1)
    # The sum of the operations at a point projects onto directions that all of them keep.
    sums = np.einsum("ng,gab->nab", (lengths < 2 * tolerance).astype(float), group.rotations)
    return np.asarray(points[np.abs(sums).max((1, 2)) < 1e-6])


REACHES = (1 / 7, 1 / 2, 1.0)
"""Fractions of the reach within which sampled sites move to positions with site symmetry."""

NEAR = 0.5
"""Distance in Å within which a sampled site counts for an orbit, and two candidates are one."""

SAME_ORBIT = 0.3
"""Distance in Å within which two orbits are one, after both moved to the mean of their sites."""

SHORTEST_SEPARATION = 1.2
"""Smallest distance in Å between two inserted sites."""

BOND_WEIGHT = 0.3
"""Weight of a good distance to the host; a site in every sample counts 1."""

SAMPLED, IMAGES = 300, 8000
"""Largest numbers of sampled sites to consider, and of their images by all operations."""

MIN_SAMPLES = 4
"""Smallest number of samples to consider."""

ORBITS = 60
"""Largest number of orbits to combine."""


@dataclass(frozen=True)
class Orbit:
    """Orbit of (k, 3) points, fractional in the group's cell, and the worth of each.

    The worth is the share of samples with a site there, up to 1, and that of the distance.
    """

    points: FloatArray
    worth: float

    def __len__(self) -> int:
        return len(self.points)


def find_orbits(group: SymmetryGroup, sites: HostSites, reach: float) -> list[Orbit]:
    """Find orbits with room for their own points and no more points than sites, best first."""
    most = min(SAMPLED, IMAGES // len(group))
    sites = sites.first(max(most, MIN_SAMPLES * sites.count))
    images = group.images(sites.sampled)
    found: list[Orbit] = []
    for point, keeping in _candidates(group, sites, reach):
        centre, occupancy = _centre(group, sites, images, point)
        centre = centre_on_images(group, centre, keeping)
        points = make_orbit(group, centre, keeping)
        length = compute_bond_ratios(group, sites, centre[None])
        if (
            length[0] < SHORTEST_BOND_RATIO
            or (compute_distances(group, points[:1], points)[0, 1:] < SHORTEST_SEPARATION).any()
        ):
            continue
        if sites.room is not None and not sites.room.holds(points):
            continue
        alike = [other.points for other in found if len(other) == len(points)]
        if alike and compute_distances(group, points[:1], np.concatenate(alike)).min() < SAME_ORBIT:
            continue
        worth = min(occupancy, 1.0) + BOND_WEIGHT * float(score_bonds(length)[0])
        found.append(Orbit(points, worth))
    return sorted(found, key=lambda orbit: -orbit.worth)[:ORBITS]


def _candidates(
    group: SymmetryGroup, sites: HostSites, reach: float
) -> Iterator[tuple[FloatArray, BoolArray]]:
    """Yield points and masks of their site symmetry, the first of each orbit."""
    for share, points in [*((share, sites.sampled) for share in REACHES), (0.2, sites.special)]:
        snapped, keeping = snap_to_symmetry(group, points, share * reach)
        counts = keeping.sum(1)
        left = (counts > 0) & (len(group) <= sites.count * counts)
        while left.any():
            first = int(left.argmax())
            members = make_orbit(group, snapped[first], keeping[first])
            near = compute_distances(group, snapped[left], members).min(1) < NEAR
            left[left] = ~(near & (counts[left] == counts[first]))
            left[first] = False
            yield snapped[first], keeping[first]


def _centre(
    group: SymmetryGroup, sites: HostSites, images: FloatArray, point: FloatArray
) -> tuple[FloatArray, float]:
    """Return the mean of images (G, p, 3) of sampled sites near a point, and their number."""
    shifts = wrap_differences(images - point)
    close = np.linalg.norm(shifts @ group.cell, axis=-1) < NEAR
    weights = close * sites.weights
    if not close.any():
        return point, 0.0
    mean = np.einsum("gp,gpa->a", weights, shifts) / weights.sum()
    return point + mean, float(weights.sum()) / len(group)
