"""Guards: checks during a relaxation, so that a hole in a potential does not win a ranking.

A machine-learned potential extrapolates badly to structures unlike its training data: two sites
may collapse to an energy a million electron volts below everything else. Three rules detect that,
by distances, forces and energies. Each compares a sample only with itself or with samples of the
same host, since energies of different hosts have nothing in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.data import covalent_radii

from aiida_hpaint.science.relaxation.ragged import find_owners, list_site_indices, sum_by_structure
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS

if TYPE_CHECKING:
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

CHECK_EVERY = 5
"""Number of steps between two checks of the distances, which cost more than the other rules."""
HYDROGEN_HYDROGEN = 0.6
"""Å; the bond of H2 has 0.74 Å."""
HYDROGEN_OTHER = 0.75
"""Å; the shortest bond of hydrogen, in HF, has 0.92 Å."""
COVALENT_FRACTION = 0.5
"""Fraction of the sum of covalent radii, for pairs without hydrogen; bonds stay above 0.75."""
LARGEST_FORCE = 1e4
"""eV/Å; the repulsion of two protons reaches it below 0.04 Å."""
LARGEST_BINDING = 15.0
"""eV for each moving site: more than any bonding yields (diamond has 7.4 eV per atom)."""


def get_minimum_distances(first: IntArray, second: IntArray) -> FloatArray:
    """Return the distances (Å) below which two elements (atomic numbers) have collapsed.

    H-H 0.6 Å, H-X 0.75 Å, X-Y half the sum of the covalent radii (Cordero et al. 2008, from ASE).
    """
    hydrogens = (first == 1).astype(np.int64) + (second == 1)
    radii = covalent_radii[first] + covalent_radii[second]
    return np.select(
        [hydrogens == 2, hydrogens == 1],
        [HYDROGEN_HYDROGEN, HYDROGEN_OTHER],
        COVALENT_FRACTION * radii,
    )


def find_closest_contacts(
    numbers: IntArray,
    frac: FloatArray,
    cells: FloatArray,
    counts: IntArray,
    moving: BoolArray,
) -> FloatArray:
    """Return the (S,) smallest ratio of a distance to its minimum; below 1 means collapsed.

    Only pairs with at least one moving site count, with all periodic images of the second site.

    Parameters
    ----------
    numbers, frac, moving : (N,), (N, 3), (N,)
        Atomic numbers, fractional coordinates and moving sites of S structures.
    cells : (S, 3, 3) floats
        Lattice vectors as rows, in Å.
    counts : (S,) integers
        Sites of each structure.
    """
    first, second = _pairs_with_moving(counts, moving)
    structure = find_owners(counts)[first]
    between = frac[second] - frac[first]
    between -= np.round(between)
    vectors = np.einsum("pka,pab->pkb", between[:, None] + NEIGHBOURS, cells[structure])
    distances = np.sqrt((vectors**2).sum(axis=-1).min(axis=1))
    ratios = distances / get_minimum_distances(numbers[first], numbers[second])
    closest = np.full(len(counts), np.inf)
    np.minimum.at(closest, structure, ratios)
    return closest


def _pairs_with_moving(counts: IntArray, moving: BoolArray) -> tuple[IntArray, IntArray]:
    """Pair each moving site with every other site of its structure."""
    owners = find_owners(counts)
    movers = np.flatnonzero(moving)
    partners = counts[owners[movers]]
    first = np.repeat(movers, partners)
    second = list_site_indices(counts, owners[movers])
    different = first != second
    return first[different], second[different]


def find_implausible_forces(forces: FloatArray, counts: IntArray) -> BoolArray:
    """Return (S,) True where a force (M, 3) on a moving site exceeds any between atoms."""
    return sum_by_structure(np.abs(forces).max(axis=1) > LARGEST_FORCE, counts) > 0


def find_implausible_energies(
    energies: FloatArray, moving: IntArray, hosts: IntArray, earlier: FloatArray
) -> BoolArray:
    """Return (S,) True where an energy is lower than bonding can explain.

    The limit is `LARGEST_BINDING` for each moving site below the sample's own `earlier` energy
    (after the initial overlaps have relaxed; NaN if there is none), or below the median of the
    samples of the same host, if there are at least three. The median is the reference because a
    sample in a hole would set a minimum or a mean itself.

    Parameters
    ----------
    energies, earlier : (S,) floats
        In eV.
    moving : (S,) integers
        Number of moving sites.
    hosts : (S,) integers
        Samples with equal numbers belong to one host.
    """
    window = LARGEST_BINDING * np.maximum(moving, 1)
    low = energies < np.where(np.isnan(earlier), -np.inf, earlier - window)
    for host in np.unique(hosts):
        members = hosts == host
        if members.sum() >= 3:
            low |= members & (energies < np.median(energies[members]) - window)
    return low
