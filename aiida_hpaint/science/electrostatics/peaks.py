"""find_sites: where the potential of a host is lowest for a proton."""

from __future__ import annotations

import numpy as np
from ase.geometry import minkowski_reduce
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aiida_hpaint.science.electrostatics.equivalence import gather, permutations, shared_group
from aiida_hpaint.science.electrostatics.grid import PotentialGrid, agree
from aiida_hpaint.science.electrostatics.interpolation import FourierSeries
from aiida_hpaint.science.electrostatics.refinement import refine_maxima
from aiida_hpaint.science.electrostatics.sites import NEAR_ATOM, NEAR_SITE, Sites
from aiida_hpaint.science.settings import PeaksSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.images import NEIGHBOURS
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.symmetry.orbits import compute_distances
from aiida_hpaint.science.types import FloatArray, IntArray

SYMMETRY_TOLERANCE = 0.01
"""Å, within which a host is taken to be symmetric."""

_ROUNDING = 1e-12


def find_sites(
    grid: PotentialGrid,
    host: StructureBatch,
    settings: PeaksSettings | None = None,
    symmetry_tolerance: float = SYMMETRY_TOLERANCE,
) -> Sites:
    """Maxima of an electron's potential energy that can hold a proton, best first.

    Local maxima on the periodic grid are refined on its trigonometric interpolation, those near
    atoms are left out, and the others are completed to orbits of the symmetry that the host and
    its potential share; of sites that are too close to each other the better one stays. All
    distances are in Å, whatever the shape of the cell.

    Parameters
    ----------
    grid : PotentialGrid
        Of the host: of what is there while the sites are sought.
    host : StructureBatch
        One structure; sites that are marked as inserted do not count.
    settings : PeaksSettings
        Distances; the defaults if none are given.
    symmetry_tolerance
        Within which the host is symmetric, Å.

    Returns
    -------
    Without any maximum: no sites, and what was dropped.

    Raises
    ------
    ValueError
        If there is not one host, an atom of it has no position, or its cell is not the grid's.
    """
    settings = settings or PeaksSettings()
    _check(grid, host)
    grid = grid.within(host.cells[0])
    series = FourierSeries.through(grid.values)
    points = find_maxima(grid, series)
    energies = series.expand(points).values
    points = points[np.argsort(-energies, kind="stable")]
    group = shared_group(grid, host, symmetry_tolerance)
    entered = group.enter(points)
    atoms = group.enter(host.frac_coords[~host.inserted])
    free = compute_distances(group, entered, atoms).min(1, initial=np.inf) >= settings.min_to_host
    orbits = gather(group, entered[free], settings.tolerance, settings.min_between)
    moved = permutations(group, orbits)
    leaders = np.flatnonzero(np.diff(orbits.owners, prepend=-1))
    heights = series.expand(group.leave(orbits.points[leaders])).values
    dropped = {NEAR_ATOM: int((~free).sum()), NEAR_SITE: orbits.dropped}
    return _ordered(group, orbits.points, orbits.owners, heights, moved, dropped)


def find_maxima(grid: PotentialGrid, series: FourierSeries | None = None) -> FloatArray:
    """(M, 3) fractional coordinates in [0, 1) of all local maxima, in no order.

    Parameters
    ----------
    series
        Through the values of the grid, if it is there already.
    """
    steps = _steps(grid)
    places = _highest(grid.values, steps)
    points = places / np.array(grid.shape)
    longest = float(np.linalg.norm(steps @ grid.voxel, axis=1).max())
    series = series or FourierSeries.through(grid.values)
    refined = refine_maxima(series, grid.cell, points, longest)
    return np.asarray(_wrapped(refined))


def _check(grid: PotentialGrid, host: StructureBatch) -> None:
    if len(host) != 1:
        raise ValueError(f"{len(host)} structures for one potential: give one host")
    label = host.labels[0]
    if not np.isfinite(host.frac_coords[~host.inserted]).all():
        raise ValueError(f"{label}: an atom has no position")
    if not agree(grid.cell, host.cells[0]):
        raise ValueError(
            f"{label}: its cell is {host.cells[0].round(4).tolist()}, that of the potential "
            f"{grid.cell.round(4).tolist()}: use the host that the potential was computed for"
        )


def _steps(grid: PotentialGrid) -> IntArray:
    """(3, 3) the shortest steps on the grid that lead everywhere, in points along each axis."""
    return np.asarray(np.rint(minkowski_reduce(grid.voxel)[1]), dtype=np.int64)


def _highest(values: FloatArray, steps: IntArray) -> IntArray:
    """(M, 3) grid points that no neighbour is above; one for each plateau.

    Neighbours are those in the compact cell of the grid, so that it matters neither how long nor
    how skewed its steps are.
    """
    around = [tuple(offset) for offset in (NEIGHBOURS[NEIGHBOURS.any(1)] @ steps).tolist()]
    high = np.ones(values.shape, dtype=np.bool_)
    for offset in around:
        high &= values >= np.roll(values, [-shift for shift in offset], (0, 1, 2))
    places = np.argwhere(high)
    if high.all():
        return places[:0]  # a constant has no maximum
    numbers = np.full(values.shape, -1)
    numbers[high] = np.arange(len(places))
    height = values[high]
    left, right = [], []
    goes_on = np.zeros(len(places), dtype=np.bool_)
    for offset in around:
        beside = tuple(((places + offset) % values.shape).T)
        level = np.flatnonzero(values[beside] == height)
        partner = numbers[beside][level]
        # A plateau that goes on to a point below a higher one is a shoulder of that.
        goes_on[level[partner < 0]] = True
        left.append(level[partner >= 0])
        right.append(partner[partner >= 0])
    return _tops(places, np.concatenate(left), np.concatenate(right), goes_on, values.shape)


def _tops(
    places: IntArray, left: IntArray, right: IntArray, goes_on: np.ndarray, shape: tuple[int, ...]
) -> IntArray:
    """One grid point of each plateau that is a maximum: that nearest to its middle."""
    size = len(places)
    edges = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    count, plateaus = connected_components(edges, directed=False)
    shoulders = np.zeros(count, dtype=np.bool_)
    shoulders[plateaus[goes_on]] = True
    chosen = []
    for plateau in np.flatnonzero(~shoulders):
        members = places[plateaus == plateau]
        shifts = wrap_differences((members - members[0]) / shape)
        chosen.append(members[((shifts - shifts.mean(0)) ** 2).sum(1).argmin()])
    return np.array(chosen, dtype=np.int64).reshape(-1, 3)


def _ordered(
    group: SymmetryGroup,
    points: FloatArray,
    owners: IntArray,
    heights: FloatArray,
    moved: IntArray,
    dropped: dict[str, int],
) -> Sites:
    """Sites by energy; those of an orbit have its energy and stay together."""
    ranks = np.empty(len(heights), dtype=np.int64)
    ranks[np.argsort(-heights, kind="stable")] = np.arange(len(heights))
    order = np.argsort(ranks[owners], kind="stable")
    places = np.argsort(order, kind="stable")
    frac = _wrapped(group.leave(points[order]))
    return Sites(
        frac, heights[owners[order]], ranks[owners[order]], places[moved[:, order]], dropped
    )


def _wrapped(frac: FloatArray) -> FloatArray:
    """Coordinates in [0, 1); those that miss 1 by rounding are 0."""
    inside = frac - np.floor(frac)
    return np.asarray(np.where(inside > 1 - _ROUNDING, 0.0, inside))
