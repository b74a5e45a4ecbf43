"""Proposals on Wyckoff positions: whole orbits of a host's group or of subgroups of index 2."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import numpy as np

from aiida_hpaint.science.symmetry.distinct import DistinctArrangements
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.symmetry.orbits import compute_distances
from aiida_hpaint.science.symmetry.positions import (
    SHORTEST_SEPARATION,
    HostSites,
    Orbit,
    compute_bond_ratios,
    find_orbits,
    score_bonds,
)
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

FAR = 0.7
"""Distance in Å beyond which a sampled site does not count for a site of an arrangement."""


def measure_agreement(
    group: SymmetryGroup,
    frac: FloatArray,
    operations: IntArray,
    samples: FloatArray,
    weights: FloatArray,
) -> float:
    """Return the root mean square, over samples, of the share of an arrangement they have.

    The result is between 0 and 1. Because of the square, few samples with the whole arrangement
    count more than many with a part of it.

    Parameters
    ----------
    frac : (m, 3)
        The arrangement, fractional in the group's cell.
    operations : (d,)
        Operations, by index, that give all equivalent arrangements; each sample is compared with
        the most similar one.
    samples, weights : (s, m, 3), (s,)
        Samples, and the share of all samples that each represents.
    """
    images = group.images(frac, operations)
    shifts = wrap_differences(images[:, None, :, None] - samples[None, :, None])
    squares = ((shifts @ group.cell) ** 2).sum(-1).min(-1)
    shares = np.clip(1 - squares / FAR**2, 0, None).mean(-1).max(0)
    return float(np.sqrt((shares**2 * weights).sum() / weights.sum()))


_MAX_NODES = 20000
"""Largest number of partial combinations that are examined."""


def combine_orbits(
    sizes: IntArray,
    scores: FloatArray,
    fit: BoolArray,
    total: int,
    count: int,
    has_room: Callable[[tuple[int, ...]], bool] | None = None,
) -> list[tuple[int, ...]]:
    """Find sets of orbits whose sizes add up to a total, the highest sum of scores first.

    The partial set with the highest attainable score is extended next, so sets are found in order.

    Parameters
    ----------
    sizes, scores : (n,)
        Sites of each orbit and what it adds to the score.
    fit : (n, n)
        Whether two orbits can be occupied together.
    total
        Number of sites.
    count
        Largest number of sets.
    has_room
        Whether a set, complete or not, can be occupied; None: all can.
    """
    order = np.lexsort((np.arange(len(sizes)), -scores / sizes))
    rate = scores[order] / sizes[order]
    queue: list[tuple[float, int, int, float, tuple[int, ...]]] = [(0.0, 0, 0, 0.0, ())]
    found: list[tuple[int, ...]] = []
    for _ in range(_MAX_NODES):
        if not queue or len(found) >= count:
            break
        _, place, filled, score, chosen = heapq.heappop(queue)
        if filled == total:
            found.append(chosen)
            continue
        if place == len(order):
            continue
        candidate = int(order[place])
        branches = [(filled, score, chosen)]
        if filled + sizes[candidate] <= total and fit[candidate, list(chosen)].all():
            more, members = filled + int(sizes[candidate]), (*chosen, candidate)
            if has_room is None or has_room(members):
                branches.append((more, score + float(scores[candidate]), members))
        for now, value, members in branches:
            # Orbits are sorted by score per site, so the next one bounds what later ones can add.
            left = total - now
            rest = left * rate[place + 1] if left and place + 1 < len(order) else 0.0
            if left == 0 or place + 1 < len(order):
                heapq.heappush(queue, (-(value + rest), place + 1, now, value, members))
    return found


MAX_SUBGROUPS = 15
"""Largest number of subgroups; groups with more come from cells that are not primitive."""


def find_index_two_subgroups(group: SymmetryGroup) -> list[IntArray]:
    """Find all subgroups with half of the operations, by index; none if more than 15.

    Each contains all squares. The group modulo its squares is a vector space over {0, 1}, whose
    hyperplanes are these subgroups.
    """
    squares = group.closure(np.diag(group.products))
    basis, spanned = [], squares
    for operation in range(len(group)):
        if operation not in spanned:
            basis.append(operation)
            spanned = group.closure(np.append(spanned, operation))
    if 2 ** len(basis) - 1 > MAX_SUBGROUPS:
        return []
    vectors = np.zeros((len(group), len(basis)), dtype=np.int64)
    for bits in itertools.product((0, 1), repeat=len(basis)):
        product = group.identity
        for bit, operation in zip(bits, basis, strict=True):
            product = int(group.products[product, operation]) if bit else product
        vectors[group.products[product, squares]] = bits
    normals = itertools.product((0, 1), repeat=len(basis))
    return [np.flatnonzero(vectors @ normal % 2 == 0) for normal in normals if any(normal)]


LESS_SYMMETRY = 0.1
"""Penalty of arrangements under half of the operations."""

ARRANGEMENT_BOND_WEIGHT = 0.3
"""Weight of good distances to the host; full agreement with all samples counts 1."""

SAME_ARRANGEMENT = 0.3
"""Distance in Å within which all sites of two arrangements agree that are the same."""

WINDOW = 0.4
"""Largest difference of the score from that of the best arrangement."""

COMBINED = 20
"""Largest number of combinations under one group."""

COMPARED = 60
"""Largest number of arrangements to compare with the samples."""


def propose_wyckoff(
    group: SymmetryGroup, sites: HostSites, reach: float, count: int
) -> list[FloatArray]:
    """Propose arrangements (m, 3) of whole orbits, fractional in the group's cell, best first.

    Parameters
    ----------
    reach
        Largest shift in Å of a sampled site to a position with site symmetry.
    count
        Largest number of arrangements.
    """
    everything = np.array([group.identity])
    found = [(*scored, everything) for scored in _combinations(group, sites, reach)]
    for members in find_index_two_subgroups(group):
        if len(members) > 1:
            others = np.setdiff1d(np.arange(len(group)), members)
            twins = np.array([group.identity, others[0]])
            half = _combinations(group.part(members), sites, reach)
            found += [(score - LESS_SYMMETRY, points, twins) for score, points in half]
    found.sort(key=lambda scored: -scored[0])
    kinds = np.full(sites.count, sites.kind)
    distinct = DistinctArrangements(group, kinds, sites.host, sites.kinds, SAME_ARRANGEMENT)
    scored: list[tuple[float, FloatArray]] = []
    for _, points, twins in found:
        if len(scored) < COMPARED and distinct.add(points) is None:
            scored.append((_score(group, sites, points, twins), points))
    scored.sort(key=lambda pair: -pair[0])
    return [points for score, points in scored[:count] if score >= scored[0][0] - WINDOW]


def _score(group: SymmetryGroup, sites: HostSites, points: FloatArray, twins: IntArray) -> float:
    samples = sites.sampled.reshape(-1, sites.count, 3)
    agreed = measure_agreement(group, points, twins, samples, sites.weights[:: sites.count])
    bond = float(score_bonds(compute_bond_ratios(group, sites, points)).mean())
    return agreed + ARRANGEMENT_BOND_WEIGHT * bond - LESS_SYMMETRY * (len(twins) - 1)


def _combinations(
    group: SymmetryGroup, sites: HostSites, reach: float
) -> list[tuple[float, FloatArray]]:
    orbits = find_orbits(group, sites, reach)
    if not orbits:
        return []
    sizes = np.array([len(orbit) for orbit in orbits])
    scores = sizes / sites.count * np.array([orbit.worth for orbit in orbits])
    fit, has_room = _fit(group, orbits), None
    if (room := sites.room) is not None:
        loads = np.array([room.measure_loads(orbit.points)[0].sum(0) for orbit in orbits])

        def has_room(members: tuple[int, ...]) -> bool:
            return room.fits(loads[list(members)].sum(0))

    chosen = combine_orbits(sizes, scores, fit, sites.count, COMBINED, has_room)
    return [
        (float(scores[list(members)].sum()), np.concatenate([orbits[i].points for i in members]))
        for members in chosen
    ]


def _fit(group: SymmetryGroup, orbits: list[Orbit]) -> BoolArray:
    """Return (n, n) whether the points of two orbits are far enough apart."""
    firsts = np.array([orbit.points[0] for orbit in orbits])
    starts = np.cumsum([0, *(len(orbit) for orbit in orbits)])[:-1]
    lengths = compute_distances(group, firsts, np.concatenate([orbit.points for orbit in orbits]))
    return np.asarray(np.minimum.reduceat(lengths, starts, axis=1) > SHORTEST_SEPARATION)
