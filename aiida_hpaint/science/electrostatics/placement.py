"""Hosts with atoms placed at chosen sites of their potential."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.electrostatics.peaks import Sites
from aiida_hpaint.science.electrostatics.pinball import choose_sites
from aiida_hpaint.science.settings import PinballSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["place_lowest_arrangements", "place_sites"]

DISPLACEMENT_SEED = 20260103
"""Seed of the directions of random displacements."""


def place_lowest_arrangements(
    host: StructureBatch, sites: Sites, element: str, count: int, settings: PinballSettings
) -> StructureBatch:
    """Place atoms in the lowest arrangements of `count` sites, or at all sites if there are fewer.

    Returns
    -------
    StructureBatch
        See `place_sites`; also the scalars `energy_pinball` (eV) and `exact`: whether it is
        proved that no other arrangement is lower.

    Raises
    ------
    ValueError
        If there is no site, or not exactly one host.
    """
    found = choose_sites(
        sites.frac_coords,
        sites.energies,
        host.cells[0],
        min(count, len(sites)),
        settings,
        sites.permutations,
    )
    samples = place_sites(host, sites.frac_coords, found.chosen, element, settings.displacement)
    exact = np.full(len(samples), found.exact)
    return samples.with_scalars(energy_pinball=found.energies, exact=exact)


def place_sites(
    host: StructureBatch,
    frac_coords: FloatArray,
    chosen: IntArray,
    element: str,
    displacement: float = 0.0,
) -> StructureBatch:
    """Make one sample for each arrangement: the host, followed by the sites of the arrangement.

    Parameters
    ----------
    host : StructureBatch
        One structure; all of its sites are known ones.
    frac_coords : (M, 3) floats
        Fractional coordinates of all sites.
    chosen : (A, n) integers
        Indices of the sites that each arrangement occupies.
    element
        Element that is placed.
    displacement
        Length (Å) by which each placed atom is moved in a random direction. The directions have
        a fixed seed, so that the same arrangement is always the same structure.

    Returns
    -------
    StructureBatch
        A structures with the scalars `host` (0), `sample` (0 to A - 1) and `status` (sampled).

    Raises
    ------
    ValueError
        If there is not exactly one host.
    """
    if len(host) != 1:
        raise ValueError(f"one host is needed, got {len(host)}")
    filled = (
        _add_atoms(host, frac_coords[sites] + _displace(host, sites, displacement), element)
        for sites in chosen
    )
    samples = concatenate(list(filled))
    return samples.with_scalars(
        host=np.zeros(len(chosen), dtype=np.int64),
        sample=np.arange(len(chosen)),
        status=np.array([SampleStatus.SAMPLED.value] * len(chosen)),
    )


def _add_atoms(host: StructureBatch, frac_coords: FloatArray, element: str) -> StructureBatch:
    count = len(frac_coords)
    return StructureBatch(
        labels=host.labels,
        cells=host.cells,
        site_counts=host.site_counts + count,
        numbers=np.concatenate([host.numbers, np.full(count, get_atomic_number(element))]),
        frac_coords=np.concatenate([host.frac_coords, frac_coords]),
        inserted=np.repeat([False, True], [host.n_sites, count]),
        metadata=host.metadata,
        history=host.history,
    )


def _displace(host: StructureBatch, sites: IntArray, length: float) -> FloatArray:
    """Return (n, 3) fractional displacements of the given length (Å), the same for each site."""
    directions = np.random.default_rng(DISPLACEMENT_SEED).standard_normal(
        (int(sites.max()) + 1, 3)
    )[sites]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moves: FloatArray = length * directions @ np.linalg.inv(host.cells[0])
    return moves
