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

SAME = 0.02
"""Share of its spread that a potential may change by, root mean square, under operations of it."""

_PROBES = 500
"""Grid points to compare at, about."""

_HALVINGS = 30


@dataclass(frozen=True)
class Orbits:
    """Whole orbits, one after the other.

    Attributes
    ----------
    points : (M, 3)
        Fractional in the group's cell.
    owners : (M,) integers
        Orbit of each point, in the order of the maxima.
    dropped
        Maxima that were too close to those of an orbit before them.
    """

    points: FloatArray
    owners: IntArray
    dropped: int


def shared_group(grid: PotentialGrid, host: StructureBatch, tolerance: float) -> SymmetryGroup:
    """The operations of a host (within the tolerance, Å) that its potential has too.

    Compared is the upper half of the potential, between the atoms: near them it is so steep that
    what symmetry misses by matters.
    """
    known = ~host.inserted
    group = SymmetryGroup.of(host.cells[0], host.numbers[known], host.frac_coords[known], tolerance)
    upper = np.argwhere(grid.values >= np.median(grid.values))
    probes = upper[:: max(1, len(upper) // _PROBES)] / np.array(grid.shape)
    images = group.leave(group.images(group.enter(probes)))
    coordinates = np.moveaxis(images * np.array(grid.shape), -1, 0)
    found = map_coordinates(grid.values, coordinates, order=3, mode="grid-wrap")
    change = np.sqrt(((found - found[group.identity]) ** 2).mean(1))
    same = change <= SAME * found[group.identity].std()
    # Those that keep the set as it is, when they follow on each of its members, are a group.
    keeping = same[group.products[:, same]].all(1)
    return group.part(np.flatnonzero(keeping).astype(np.int64))


def gather(group: SymmetryGroup, points: FloatArray, tolerance: float, between: float) -> Orbits:
    """Orbits of the maxima, the first of which stay where two are too close.

    A maximum that is closer to its own images than sites may be moves to the middle of them.

    Parameters
    ----------
    points : (M, 3)
        Fractional in the group's cell, the best first.
    tolerance
        Within which a maximum is one that an orbit has already, Å.
    between
        Closest that sites may be, Å.
    """
    found = np.empty((0, 3))
    owners: list[int] = []
    dropped = count = 0
    for point in points:
        nearest = compute_distances(group, point[None], found).min(initial=np.inf)
        if nearest < max(tolerance, between):
            dropped += int(nearest > tolerance)
            continue
        members = make_orbit(group, *_settled(group, point, max(tolerance, between) / 2))
        if _closest(group, members, found) < between:
            dropped += 1
            continue
        found = np.concatenate([found, members])
        owners.extend([count] * len(members))
        count += 1
    return Orbits(found, np.array(owners, dtype=np.int64), dropped)


def permutations(group: SymmetryGroup, orbits: Orbits) -> IntArray:
    """(G, M) the point that each operation brings each point to."""
    moved = np.empty((len(group), len(orbits.points)), dtype=np.int64)
    for owner in np.unique(orbits.owners):
        members = np.flatnonzero(orbits.owners == owner)
        points = orbits.points[members]
        for index, images in enumerate(group.images(points)):
            moved[index, members] = members[compute_distances(group, images, points).argmin(1)]
    return moved


def _settled(group: SymmetryGroup, point: FloatArray, reach: float) -> tuple[FloatArray, BoolArray]:
    """A point (3,) moved by at most the reach (Å) to where it has symmetry, and its operations."""
    for halvings in range(_HALVINGS):
        moved, keeping = snap_to_symmetry(group, point[None], reach / 2**halvings)
        if keeping.any():
            return moved[0], keeping[0]
    identity = np.zeros(len(group), dtype=np.bool_)
    identity[group.identity] = True
    return point, identity


def _closest(group: SymmetryGroup, members: FloatArray, found: FloatArray) -> float:
    """Å from a member to another one or to any that was found before."""
    among = compute_distances(group, members, members) + np.diag(np.full(len(members), np.inf))
    before = compute_distances(group, members, found)
    return float(min(among.min(initial=np.inf), before.min(initial=np.inf)))
