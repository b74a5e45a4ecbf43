"""Orbits that inserted sites could fill: near sampled sites, and without free parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.symmetry.orbits import (
    centre_on_images,
    compute_distances,
    make_orbit,
    snap_to_symmetry,
)
from aiida_hpaint.science.symmetry.sites import (
    SHORTEST_BOND_RATIO,
    HostSites,
    compute_bond_ratios,
    score_bonds,
)
from aiida_hpaint.science.types import BoolArray, FloatArray

REACHES = (1 / 7, 1 / 2, 1.0)
"""Shares of the reach within which sampled sites are moved to positions with site symmetry."""

NEAR = 0.5
"""Å, within which a sampled site counts for an orbit, and two candidates are one."""

SAME_ORBIT = 0.3
"""Å, within which two orbits are one once they have moved to the mean of what counts for them."""

SHORTEST_SEPARATION = 1.2
"""Å, below which no two inserted sites are both filled."""

BOND_WEIGHT = 0.3
"""Worth of a good distance to the host, where a site in every sample is worth 1."""

SAMPLED, IMAGES = 300, 8000
"""Sampled sites to look at, and their images by all operations, at most."""

MIN_SAMPLES = 4
"""Samples to look at in any case."""

ORBITS = 60
"""Orbits to combine, at most."""


@dataclass(frozen=True)
class Orbit:
    """(k, 3) points of an orbit, fractional in the group's cell, and what each is worth.

    The worth is the share of samples with a site there, up to 1, and that of the distance.
    """

    points: FloatArray
    worth: float

    def __len__(self) -> int:
        return len(self.points)


def find_orbits(group: SymmetryGroup, sites: HostSites, reach: float) -> list[Orbit]:
    """Orbits with room for their own points and no more points than sites, the best first."""
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
        alike = [other.points for other in found if len(other) == len(points)]
        if alike and compute_distances(group, points[:1], np.concatenate(alike)).min() < SAME_ORBIT:
            continue
        worth = min(occupancy, 1.0) + BOND_WEIGHT * float(score_bonds(length)[0])
        found.append(Orbit(points, worth))
    return sorted(found, key=lambda orbit: -orbit.worth)[:ORBITS]


def _candidates(
    group: SymmetryGroup, sites: HostSites, reach: float
) -> Iterator[tuple[FloatArray, BoolArray]]:
    """Points and masks of their site symmetry; of those with an orbit in common, the first."""
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
    """The mean of the images (G, p, 3) of sampled sites near a point, and how many a sample."""
    shifts = wrap_differences(images - point)
    close = np.linalg.norm(shifts @ group.cell, axis=-1) < NEAR
    weights = close * sites.weights
    if not close.any():
        return point, 0.0
    mean = np.einsum("gp,gpa->a", weights, shifts) / weights.sum()
    return point + mean, float(weights.sum()) / len(group)
