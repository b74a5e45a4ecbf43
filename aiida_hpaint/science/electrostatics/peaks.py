"""find_sites: maxima of the potential of a host, where a proton has its lowest energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from ase.geometry import minkowski_reduce
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aiida_hpaint.science.electrostatics.grid import PotentialGrid, are_cells_equal
from aiida_hpaint.science.electrostatics.interpolation import FourierSeries
from aiida_hpaint.science.electrostatics.potential_symmetry import (
    complete_orbits,
    find_permutations,
    find_shared_group,
)
from aiida_hpaint.science.settings import PeaksSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.symmetry.orbits import compute_distances
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

NEAR_ATOM = "too close to an atom"
NEAR_SITE = "too close to a better site"
"""Keys of `Sites.dropped`."""

_SYMMETRY_TOLERANCE = 0.01
"""Distance (Å) within which a host is taken to be symmetric."""

_ROUNDING = 1e-12

_MAX_STEPS = 60
_CONVERGED = 1e-5
"""Length (Å) of a step below which a maximum is found."""

_FLAT = 1e-6
"""Curvature that counts as zero, as a share of the largest one."""

_SADDLE_STEP = 0.1
"""Step away from a saddle point, as a share of the longest step."""


@dataclass(frozen=True, eq=False)
class Sites:
    """M sites of a host in complete orbits of its symmetry, the best first.

    Attributes
    ----------
    frac_coords : (M, 3)
        Fractional coordinates in [0, 1).
    energies : (M,)
        Potential energy of an electron at each site, in eV, descending and equal within an orbit.
        A proton has its lowest energy where this is highest.
    orbits : (M,) integers
        Index of the orbit of each site, 0 for the best one.
    permutations : (G, M) integers
        Index of the site that each operation maps each site onto. The operations are the group
        that the host and its potential share.
    dropped : mapping of reason to count
        Number of maxima that were left out because of `NEAR_ATOM` and of `NEAR_SITE`.
    """

    frac_coords: FloatArray
    energies: FloatArray
    orbits: IntArray
    permutations: IntArray
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.energies)


def find_sites(
    grid: PotentialGrid,
    host: StructureBatch,
    settings: PeaksSettings | None = None,
    symmetry_tolerance: float = _SYMMETRY_TOLERANCE,
) -> Sites:
    """Find maxima of an electron's potential energy that can hold a proton, the best first.

    Local maxima on the periodic grid are refined on its trigonometric interpolation, those near
    atoms are left out, and the others are completed to orbits of the symmetry that the host and
    its potential share; of sites that are too close to each other the better one stays.

    Parameters
    ----------
    grid : PotentialGrid
        Potential of the host without the sites to insert.
    host : StructureBatch
        One structure; sites that are marked as inserted are ignored.
    settings : PeaksSettings
        Distances; the defaults if none are given.
    symmetry_tolerance
        Distance (Å) within which the host is taken to be symmetric.

    Raises
    ------
    ValueError
        If there is not one host, an atom of it has no position, or its cell is not the grid's.
    """
    settings = settings or PeaksSettings()
    _check_host(grid, host)
    grid = grid.with_cell(host.cells[0])
    series = FourierSeries.through(grid.values)
    points = find_maxima(grid, series)
    energies = series.expand(points).values
    points = points[np.argsort(-energies, kind="stable")]
    group = find_shared_group(grid, host, symmetry_tolerance)
    entered = group.enter(points)
    atoms = group.enter(host.frac_coords[~host.inserted])
    free = compute_distances(group, entered, atoms).min(1, initial=np.inf) >= settings.min_to_host
    orbits = complete_orbits(group, entered[free], settings.tolerance, settings.min_between)
    moved = find_permutations(group, orbits)
    leaders = np.flatnonzero(np.diff(orbits.owners, prepend=-1))
    heights = series.expand(group.leave(orbits.points[leaders])).values
    dropped = {NEAR_ATOM: int((~free).sum()), NEAR_SITE: orbits.dropped}
    return _order_sites(group, orbits.points, orbits.owners, heights, moved, dropped)


def find_maxima(grid: PotentialGrid, series: FourierSeries | None = None) -> FloatArray:
    """Return (M, 3) fractional coordinates in [0, 1) of all local maxima, in no order.

    Parameters
    ----------
    series
        Series through the values of the grid, if it was made before.
    """
    # The shortest lattice vectors of the grid (3, 3), in points along each axis.
    steps = np.asarray(np.rint(minkowski_reduce(grid.voxel)[1]), dtype=np.int64)
    places = _find_highest_points(grid.values, steps)
    points = places / np.array(grid.shape)
    longest = float(np.linalg.norm(steps @ grid.voxel, axis=1).max())
    series = series or FourierSeries.through(grid.values)
    refined = refine_maxima(series, grid.cell, points, longest)
    return np.asarray(_wrap_to_cell(refined))


def refine_maxima(
    series: FourierSeries, cell: FloatArray, points: FloatArray, longest: float
) -> FloatArray:
    """Move grid points uphill to maxima of the series by Newton's method.

    Steps go up along every principal axis of the curvature, so that saddle points do not attract.
    A grid point that is highest only because the grid is coarse ends on the maximum of another
    one. Points whose steps do not converge stay where they were.

    Parameters
    ----------
    cell : (3, 3)
        Lattice vectors as rows, Å.
    points : (M, 3)
        Fractional coordinates.
    longest
        Length of the longest step, Å.

    Returns
    -------
    (M, 3) fractional coordinates.
    """
    current = points.copy()
    found = np.zeros(len(points), dtype=np.bool_)
    active = np.arange(len(points))
    for _ in range(_MAX_STEPS):
        if not len(active):
            break
        steps = _compute_newton_steps(series, cell, current[active], longest)
        current[active] += steps @ np.linalg.inv(cell)
        done = np.linalg.norm(steps, axis=1) < _CONVERGED
        found[active] = done
        active = active[~done]
    return np.where(found[:, None], current, points)


def _compute_newton_steps(
    series: FourierSeries, cell: FloatArray, points: FloatArray, longest: float
) -> FloatArray:
    """Return (M, 3) Cartesian steps (Å), zero only where the function rises in no direction."""
    inverse = np.linalg.inv(cell)
    _, gradients, hessians = series.expand(points)
    slopes = gradients @ inverse.T
    curvatures, axes = np.linalg.eigh(inverse @ hessians @ inverse.T)
    least = _FLAT * np.abs(curvatures).max(1, initial=np.finfo(float).tiny)
    # Dividing by |curvature| turns a Newton step that would lead to a minimum around.
    along = np.einsum("mc,mca->ma", slopes, axes) / np.maximum(np.abs(curvatures), least[:, None])
    # On a saddle point both directions of an axis with positive curvature lead up.
    stuck = (curvatures > least[:, None]) & (np.abs(along) < _CONVERGED)
    along = np.where(stuck, _SADDLE_STEP * longest, along)
    steps = np.einsum("ma,mca->mc", along, axes)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    steps *= np.minimum(1, longest / np.maximum(lengths, np.finfo(float).tiny))
    return np.asarray(steps)


def _check_host(grid: PotentialGrid, host: StructureBatch) -> None:
    if len(host) != 1:
        raise ValueError(f"{len(host)} structures for one potential: give one host")
    label = host.labels[0]
    if not np.isfinite(host.frac_coords[~host.inserted]).all():
        raise ValueError(f"{label}: an atom has no position")
    if not are_cells_equal(grid.cell, host.cells[0]):
        raise ValueError(
            f"{label}: its cell is {host.cells[0].round(4).tolist()}, that of the potential "
            f"{grid.cell.round(4).tolist()}: use the host that the potential was computed for"
        )


def _find_highest_points(values: FloatArray, steps: IntArray) -> IntArray:
    """Return (M, 3) the grid points with no higher neighbour, one for each plateau.

    Neighbours are defined by the reduced basis `steps`, so that the result does not depend on
    the choice of the cell, however skewed it is.
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
    is_shoulder = np.zeros(len(places), dtype=np.bool_)
    for offset in around:
        beside = tuple(((places + offset) % values.shape).T)
        level = np.flatnonzero(values[beside] == height)
        partner = numbers[beside][level]
        # A plateau that extends to a point with a higher neighbour is a shoulder, not a maximum.
        is_shoulder[level[partner < 0]] = True
        left.append(level[partner >= 0])
        right.append(partner[partner >= 0])
    return _pick_plateau_centres(
        places, np.concatenate(left), np.concatenate(right), is_shoulder, values.shape
    )


def _pick_plateau_centres(
    places: IntArray,
    left: IntArray,
    right: IntArray,
    is_shoulder: BoolArray,
    shape: tuple[int, ...],
) -> IntArray:
    """Return the grid point nearest to the middle of each plateau that is a maximum.

    Plateaus are the connected components of the graph with edges `left`-`right`.
    """
    size = len(places)
    edges = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    count, plateaus = connected_components(edges, directed=False)
    shoulders = np.zeros(count, dtype=np.bool_)
    shoulders[plateaus[is_shoulder]] = True
    chosen = []
    for plateau in np.flatnonzero(~shoulders):
        members = places[plateaus == plateau]
        shifts = wrap_differences((members - members[0]) / shape)
        chosen.append(members[((shifts - shifts.mean(0)) ** 2).sum(1).argmin()])
    return np.array(chosen, dtype=np.int64).reshape(-1, 3)


def _order_sites(
    group: SymmetryGroup,
    points: FloatArray,
    owners: IntArray,
    heights: FloatArray,
    moved: IntArray,
    dropped: dict[str, int],
) -> Sites:
    """Order sites by the energies of their orbits."""
    ranks = np.empty(len(heights), dtype=np.int64)
    ranks[np.argsort(-heights, kind="stable")] = np.arange(len(heights))
    order = np.argsort(ranks[owners], kind="stable")
    places = np.argsort(order, kind="stable")
    frac = _wrap_to_cell(group.leave(points[order]))
    return Sites(
        frac, heights[owners[order]], ranks[owners[order]], places[moved[:, order]], dropped
    )


def _wrap_to_cell(frac: FloatArray) -> FloatArray:
    """Return coordinates in [0, 1), with 0 instead of numbers that are 1 up to rounding."""
    inside = frac - np.floor(frac)
    return np.asarray(np.where(inside > 1 - _ROUNDING, 0.0, inside))
