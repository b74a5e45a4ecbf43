"""Hosts with sites put where the potential offers them."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.electrostatics.pinball import choose_sites
from aiida_hpaint.science.electrostatics.sites import Sites
from aiida_hpaint.science.settings import PinballSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["arrange_sites", "place_sites"]

SEED = 20260103
"""Of the directions of nudges."""


def arrange_sites(
    host: StructureBatch, sites: Sites, element: str, count: int, settings: PinballSettings
) -> StructureBatch:
    """The lowest arrangements of `count` of the sites, or of all of them where there are fewer.

    Returns
    -------
    StructureBatch
        As `place_sites`, with the scalars `energy_pinball` (eV) and `exact`, whether it is proved
        that no arrangement is missing between them.

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
    samples = place_sites(host, sites.frac_coords, found.chosen, element, settings.nudge)
    exact = np.full(len(samples), found.exact)
    return samples.with_scalars(energy_pinball=found.energies, exact=exact)


def place_sites(
    host: StructureBatch,
    frac_coords: FloatArray,
    chosen: IntArray,
    element: str,
    nudge: float = 0.0,
) -> StructureBatch:
    """One sample for each arrangement: the host, then the sites of the arrangement.

    Parameters
    ----------
    host : StructureBatch
        A single structure; all of its sites count as known.
    frac_coords : (M, 3) floats
        Sites to choose from, fractional.
    chosen : (A, n) integers
        Which of them each arrangement fills.
    element
        What they are filled with.
    nudge
        How far each placed site is moved in a random direction, Å. The directions are those of
        a fixed seed: arrangements are the same whenever they are made.

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
        _filled(host, frac_coords[sites] + _nudges(host, sites, nudge), element) for sites in chosen
    )
    samples = concatenate(list(filled))
    return samples.with_scalars(
        host=np.zeros(len(chosen), dtype=np.int64),
        sample=np.arange(len(chosen)),
        status=np.array([SampleStatus.SAMPLED.value] * len(chosen)),
    )


def _filled(host: StructureBatch, frac_coords: FloatArray, element: str) -> StructureBatch:
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


def _nudges(host: StructureBatch, sites: IntArray, length: float) -> FloatArray:
    """(n, 3) fractional displacements of the given length; of each site always the same."""
    directions = np.random.default_rng(SEED).standard_normal((int(sites.max()) + 1, 3))[sites]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moves: FloatArray = length * directions @ np.linalg.inv(host.cells[0])
    return moves
