"""Random placement: the baseline that a trained generator must beat, and a fallback."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pymatgen.core.periodic_table import Element

from aiida_hpaint.science.diffusion.lattice import list_image_translations
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    SampledPath,
    SampleRequest,
    Tick,
)
from aiida_hpaint.science.diffusion.sampling.host_frame import HostFrame
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

ATTEMPTS = 100
"""Positions tried before the distances that are asked for shrink by a tenth."""


class RandomPlacement(Generator):
    """Uniform positions that keep a distance from all sites."""

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
            final = place_at_random(one.frame, one.numbers, one.frac, one.unknown, one.rng)
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
) -> FloatArray:
    """Return positions (m, 3), fractional in the frame, of the unknown sites of a host.

    Each is uniform in the cell outside spheres of 0.8 of the sum of covalent radii around all
    sites placed before it; in crowded cells the spheres shrink until there is room.
    """
    from ase.data import covalent_radii

    placed = frac[~unknown]
    known = covalent_radii[[Element.from_Z(int(number)).Z for number in numbers]]
    # ASE has 0.2 Å where no radius is known.
    radii = np.where(known > 0.21, known, 1.5)
    occupied = radii[~unknown]
    found = []
    for radius in radii[unknown]:
        point = _free_point(frame.cell, placed, 0.8 * (occupied + radius), rng)
        placed = np.concatenate([placed, point[None]])
        occupied = np.append(occupied, radius)
        found.append(point)
    return np.array(found).reshape(-1, 3)


def _free_point(
    cell: FloatArray, placed: FloatArray, limits: FloatArray, rng: np.random.Generator
) -> FloatArray:
    limits = limits.copy()
    while True:
        candidates = rng.random((ATTEMPTS, 3))
        free = (_distances(cell, candidates, placed) > limits).all(1)
        if free.any():
            return np.asarray(candidates[np.argmax(free)])
        limits *= 0.9


def _distances(cell: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the shortest distances (n, m) between points, over all periodic images, Å."""
    shift = right[None] - left[:, None]
    wrapped = (shift - np.round(shift)) @ cell
    images = wrapped[:, :, None] + list_image_translations(cell, 0.0)
    return np.asarray(np.linalg.norm(images, axis=-1).min(-1))
