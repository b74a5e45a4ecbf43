"""Arrangements of whole orbits of a host's group, or of subgroups of index 2."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.symmetry.agreement import measure_agreement
from aiida_hpaint.science.symmetry.combine import combine_orbits
from aiida_hpaint.science.symmetry.distinct import DistinctArrangements
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.orbits import compute_distances
from aiida_hpaint.science.symmetry.positions import SHORTEST_SEPARATION, Orbit, find_orbits
from aiida_hpaint.science.symmetry.sites import HostSites, compute_bond_ratios, score_bonds
from aiida_hpaint.science.symmetry.subgroups import find_index_two_subgroups
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

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
    chosen = combine_orbits(sizes, scores, _fit(group, orbits), sites.count, COMBINED)
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
