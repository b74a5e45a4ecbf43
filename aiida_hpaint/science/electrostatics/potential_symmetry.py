"""Maxima of a potential as whole orbits of the symmetry that host and potential share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from aiida_hpaint.science.electrostatics.grid import PotentialGrid
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.orbits import compute_distances, make_orbit, snap_to_symmetry
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

SAME_POTENTIAL = 0.02
"""Root mean square change of a potential under its own symmetry, as a share of its spread."""

_PROBES = 500
"""Approximate number of grid points that are compared."""

_HALVINGS = 30
"""Attempts with half the previous reach to find a site symmetry."""


@dataclass(frozen=True)
class Orbits:
    """Complete orbits of maxima under a group, one after the other.

    Attributes
    ----------
    points : (M, 3)
        Fractional coordinates in the cell of the group.
    owners : (M,) integers
        Index of the make_orbit of each point, in the order of the maxima.
    dropped
        Number of maxima that were too close to an earlier make_orbit.
    """

    points: FloatArray
    owners: IntArray
    dropped: int


def find_shared_group(grid: PotentialGrid, host: StructureBatch, tolerance: float) -> SymmetryGroup:
    """Return the operations of a host (within the tolerance, Å) that its potential shares.

    Values in the upper half of the potential, between the atoms, are compared: near the atoms it
    is so steep that even small deviations from symmetry change it a lot.
    """
    known = ~host.inserted
    group = SymmetryGroup.of(host.cells[0], host.numbers[known], host.frac_coords[known], tolerance)
    upper = np.argwhere(grid.values >= np.median(grid.values))
    probes = upper[:: max(1, len(upper) // _PROBES)] / np.array(grid.shape)
    images = group.leave(group.images(group.enter(probes)))
    coordinates = np.moveaxis(images * np.array(grid.shape), -1, 0)
    found = map_coordinates(grid.values, coordinates, order=3, mode="grid-wrap")
    change = np.sqrt(((found - found[group.identity]) ** 2).mean(1))
    same = change <= SAME_POTENTIAL * found[group.identity].std()
    # Products of operations that pass may fail. Those operations that map the passing set onto
    # itself by multiplication form a group.
    keeping = same[group.products[:, same]].all(1)
    return group.part(np.flatnonzero(keeping).astype(np.int64))


def complete_orbits(
    group: SymmetryGroup, points: FloatArray, tolerance: float, between: float
) -> Orbits:
    """Complete maxima to orbits; of two that are too close the earlier one stays.

    A maximum that is closer to its own images than `between` moves to their mean, which has a
    higher site symmetry.

    Parameters
    ----------
    points : (M, 3)
        Fractional coordinates in the cell of the group, the highest maximum first.
    tolerance
        Distance (Å) within which a maximum is a member of an make_orbit that was found before.
    between
        Smallest distance between sites, Å.
    """
    found = np.empty((0, 3))
    owners: list[int] = []
    dropped = count = 0
    for point in points:
        nearest = compute_distances(group, point[None], found).min(initial=np.inf)
        if nearest < max(tolerance, between):
            dropped += int(nearest > tolerance)
            continue
        reach = max(tolerance, between) / 2
        members = make_orbit(group, *_move_to_special_position(group, point, reach))
        among = compute_distances(group, members, members) + np.diag(np.full(len(members), np.inf))
        before = compute_distances(group, members, found)
        if min(among.min(initial=np.inf), before.min(initial=np.inf)) < between:
            dropped += 1
            continue
        found = np.concatenate([found, members])
        owners.extend([count] * len(members))
        count += 1
    return Orbits(found, np.array(owners, dtype=np.int64), dropped)


def find_permutations(group: SymmetryGroup, orbits: Orbits) -> IntArray:
    """Return (G, M) the index of the point that each operation maps each point onto."""
    moved = np.empty((len(group), len(orbits.points)), dtype=np.int64)
    for owner in np.unique(orbits.owners):
        members = np.flatnonzero(orbits.owners == owner)
        points = orbits.points[members]
        for index, images in enumerate(group.images(points)):
            moved[index, members] = members[compute_distances(group, images, points).argmin(1)]
    return moved


def _move_to_special_position(
    group: SymmetryGroup, point: FloatArray, reach: float
) -> tuple[FloatArray, BoolArray]:
    """Move a point (3,) by at most the reach (Å) to a position with symmetry, if there is one.

    Also return the operations that keep it there; the identity alone at a general position.
    """
    for halvings in range(_HALVINGS):
        moved, keeping = snap_to_symmetry(group, point[None], reach / 2**halvings)
        if keeping.any():
            return moved[0], keeping[0]
    identity = np.zeros(len(group), dtype=np.bool_)
    identity[group.identity] = True
    return point, identity
