"""Random placement: the baseline that a trained generator must beat, and a fallback."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element

from aiida_hpaint.science.diffusion.lattice import list_image_translations
from aiida_hpaint.science.diffusion.sampling.host_frame import HostFrame
from aiida_hpaint.science.types import FloatArray

ATTEMPTS = 100
"""Positions tried before the distances that are asked for shrink by a tenth."""


def place_at_random(
    frame: HostFrame,
    numbers: NDArray[np.int64],
    frac: FloatArray,
    unknown: NDArray[np.bool_],
    rng: np.random.Generator,
) -> FloatArray:
    """Positions (m, 3), fractional in the frame, of the unknown sites, one after the other.

    Each is uniform in the cell outside spheres of 0.8 of the sum of covalent radii around all
    sites placed before it; in crowded cells the spheres shrink until there is room.
    """
    placed = frac[~unknown]
    radii = np.array([_radius(int(number)) for number in numbers])
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
    """(n, m) shortest distances in Å between points, over all periodic images."""
    shift = right[None] - left[:, None]
    wrapped = (shift - np.round(shift)) @ cell
    images = wrapped[:, :, None] + list_image_translations(cell, 0.0)
    return np.asarray(np.linalg.norm(images, axis=-1).min(-1))


def _radius(number: int) -> float:
    """Covalent radius in Å (1.5 where none is known)."""
    from ase.data import covalent_radii

    radius = float(covalent_radii[Element.from_Z(number).Z])
    return radius if radius > 0.21 else 1.5
