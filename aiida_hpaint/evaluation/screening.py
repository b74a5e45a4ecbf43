"""screen: samples that are not worth a relaxation are marked, not thrown away."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from aiida_hpaint.evaluation.equivalence import HostSymmetry, closest_arrangement, site_distances
from aiida_hpaint.structures.batch import StructureBatch
from aiida_hpaint.structures.fate import Fate

CLOSEST_BOND = 0.6
"""Share of the sum of covalent radii below which two sites cannot be neighbours."""

CLOSEST = 0.5
"""Å, below which no two sites can be."""

SAME = 0.3
"""Å, within which all inserted sites of two samples must agree to count as duplicates."""


def screen(samples: StructureBatch) -> StructureBatch:
    """Mark samples with sites too close to each other and duplicates of earlier samples.

    Only samples of fate SAMPLED are looked at. Duplicates are sought among the samples of one
    host, up to the symmetry of the host.
    """
    fates = samples.scalars["fate"].astype("U16")
    alive = np.where(fates == Fate.SAMPLED.value)[0]
    for index in alive:
        if too_close(samples[int(index)]):
            fates[index] = Fate.TOO_CLOSE.value
    for host in np.unique(samples.scalars["host"]):
        members = np.where((samples.scalars["host"] == host) & (fates == Fate.SAMPLED.value))[0]
        for index in find_duplicates(samples, members, SAME):
            fates[index] = Fate.DUPLICATE.value
    return samples.with_scalars(fate=fates)


def too_close(sample: StructureBatch) -> bool:
    """Whether an inserted site of a batch of one structure is closer to a site than any bond."""
    moved = np.where(sample.inserted)[0]
    distances = site_distances(sample.cells[0], sample.frac_coords[moved], sample.frac_coords)
    distances[np.arange(len(moved)), moved] = np.inf
    radii = covalent_radii[sample.numbers]
    limits = np.maximum(CLOSEST, CLOSEST_BOND * (radii[moved][:, None] + radii[None]))
    return bool((distances < limits).any())


def find_duplicates(
    samples: StructureBatch, members: NDArray[np.intp], tolerance: float
) -> list[int]:
    """Members of one host that agree with an earlier member within the tolerance (Å)."""
    if len(members) < 2:
        return []
    symmetry = HostSymmetry.of(samples[int(members[0])])
    kept: list[NDArray[np.float64]] = []
    found = []
    for index in members:
        sites = samples.sites(int(index))
        inserted = samples.inserted[sites]
        numbers = samples.numbers[sites][inserted]
        frac = samples.frac_coords[sites][inserted]
        near = (closest_arrangement(symmetry, numbers, other, frac) for other in kept)
        if any(distances.max(initial=0.0) < tolerance for distances in near):
            found.append(int(index))
        else:
            kept.append(frac)
    return found
