"""Random placement: the baseline that a trained generator must beat, and a fallback."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.diffusion.lattice import find_shortest_distances
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    SampledPath,
    SampleRequest,
    Tick,
)
from aiida_hpaint.science.diffusion.sampling.host_frame import HostFrame
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

ATTEMPTS = 100
"""Positions tried before the distances that are asked for shrink by a tenth."""

UNBOUND = 1.3
"""Distance of a site to others than its parent, in sums of covalent radii, where there is room."""

APART = 1.45
"""Distance of two sites of one parent, where there is room, Å; in water H are 1.5 Å apart."""


class RandomPlacement(Generator):
    """Uniform positions, or directions from known parents, that keep a distance from all sites."""

    name = "random"
    about = "uniform placement with minimum distances, for comparison"
    has_weights = False

    def sample(
        self,
        requests: Sequence[SampleRequest],
        settings: SamplingSettings,
        *,
        record: int = 0,
        tick: Tick | None = None,
    ) -> list[SampledPath]:
        """Place the unknown sites of each request, one after the other."""
        paths = []
        for one in requests:
            final = place_at_random(
                one.frame, one.numbers, one.frac, one.unknown, one.rng, one.parents
            )
            paths.append(SampledPath(final))
            if tick is not None:
                tick(len(paths) / len(requests))
        return paths


def place_at_random(
    frame: HostFrame,
    numbers: IntArray,
    frac: FloatArray,
    unknown: BoolArray,
    rng: np.random.Generator,
    parents: IntArray | None = None,
) -> FloatArray:
    """Return positions (m, 3), fractional in the frame, of the unknown sites of a host.

    A site whose parent is known is in a random direction from it, at the sum of their covalent
    radii. The others are uniform in the cell. All are outside spheres around all sites placed
    before them, except around their own parent: of 0.8 of the sum of covalent radii for a site
    that may be anywhere, and of `UNBOUND` of it for one that is bonded to its parent already. In
    crowded cells the spheres shrink until there is room.

    Parameters
    ----------
    parents : (m,)
        Site that carries each unknown site, -1 where that is not known; None: nothing is known.
    """
    from ase.data import covalent_radii

    known = covalent_radii[numbers]
    # ASE has 0.2 Å where no radius is known.
    radii = np.where(known > 0.21, known, 1.5)
    unknown_sites = np.flatnonzero(unknown)
    parents = np.full(len(unknown_sites), UNKNOWN) if parents is None else parents
    frac, placed = frac.copy(), np.flatnonzero(~unknown)
    carriers = np.full(len(numbers), UNKNOWN)
    carriers[unknown_sites] = parents
    # Sites without a parent come last: those with one have less room to choose from.
    for site in unknown_sites[np.argsort(parents == UNKNOWN, kind="stable")]:
        sums, parent = radii[placed] + radii[site], carriers[site]
        if parent == UNKNOWN:
            frac[site] = _free_point(frame.cell, frac[placed], 0.8 * sums, rng)
        else:
            limits = np.where(placed == parent, 0.0, UNBOUND * sums)
            limits = np.where(carriers[placed] == parent, APART, limits)
            length = radii[parent] + radii[site]
            frac[site] = _free_point(
                frame.cell, frac[placed], limits, rng, around=frac[parent], length=length
            )
        placed = np.append(placed, site)
    return frac[unknown]


def _free_point(
    cell: FloatArray,
    placed: FloatArray,
    limits: FloatArray,
    rng: np.random.Generator,
    *,
    around: FloatArray | None = None,
    length: float = 0.0,
) -> FloatArray:
    """Return a point (3,), fractional, in the cell or at a distance (Å) around another point."""
    limits = limits.copy()
    while True:
        if around is None:
            candidates = rng.random((ATTEMPTS, 3))
        else:
            directions = rng.standard_normal((ATTEMPTS, 3))
            directions *= length / np.linalg.norm(directions, axis=1, keepdims=True)
            candidates = around + directions @ np.linalg.inv(cell)
        free = (find_shortest_distances(cell, candidates, placed) > limits).all(1)
        if free.any():
            return np.asarray(candidates[np.argmax(free)])
        limits *= 0.9
