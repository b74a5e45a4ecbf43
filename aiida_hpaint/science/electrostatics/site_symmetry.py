"""The symmetry of sites as permutations of them, and energies that have it exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import spglib
from scipy.spatial import cKDTree

from aiida_hpaint.science.types import FloatArray, IntArray

_SAME_ENERGY = 1e-3
"""eV, within which sites may be equivalent."""

_SAME_PLACE = 1e-3
"""Å, within which operations map sites onto each other."""

_UNLIKE = 0.1
"""By which energies that permutations exchange may differ (eV; pairs: relatively)."""


def site_permutations(frac_coords: FloatArray, energies: FloatArray, cell: FloatArray) -> IntArray:
    """(G, M) permutations of sites by the operations of the crystal that they form themselves.

    Sites of one energy are atoms of one kind; spglib finds the operations, lattice translations
    included that are shorter than the cell's.
    """
    order = np.argsort(energies, kind="stable")
    kinds = np.empty(len(energies), dtype=np.int64)
    kinds[order] = np.cumsum(np.diff(energies[order], prepend=energies[order[0]]) > _SAME_ENERGY)
    crystal: Any = (cell, frac_coords, kinds + 1)
    found = spglib.get_symmetry(crystal, symprec=_SAME_PLACE)
    alone = np.arange(len(energies))[None]
    if found is None:
        return alone
    images = np.einsum("gab,mb->gma", found["rotations"], frac_coords)
    images += found["translations"][:, None]
    # Sites are farther apart than operations miss them by, so coordinates tell which is nearest.
    tree = cKDTree(frac_coords % 1.0 % 1.0, boxsize=1.0)
    moved = tree.query(images % 1.0 % 1.0)[1]
    unique = np.unique(moved.astype(np.int64), axis=0)
    return unique if is_group(unique) else alone


def is_group(permutations: IntArray) -> bool:
    """Whether all rows are permutations, and sites fall into orbits under them as under a group."""
    size = permutations.shape[1]
    if not (np.sort(permutations, axis=1) == np.arange(size)).all():
        return False
    orbits = permutations.min(0)
    inverses = np.unique(np.argsort(permutations, axis=1), axis=0)
    closed = np.array_equal(inverses, np.unique(permutations, axis=0))
    return closed and bool((orbits[permutations] == orbits).all())


def symmetrised(
    energies: FloatArray, pairs: FloatArray, permutations: IntArray
) -> tuple[FloatArray, FloatArray]:
    """(M,) energies of sites and (M, M) of pairs in eV, averaged over the permutations.

    Sites that were found numerically are as symmetric as that allows; the search relies on it.

    Raises
    ------
    ValueError
        If the permutations exchange sites that are not alike.
    """
    single = energies[permutations].mean(0)
    double = np.zeros_like(pairs)
    apart, tilted = float(np.abs(energies[permutations] - energies).max()), 0.0
    for moved in permutations:
        images = pairs[np.ix_(moved, moved)]
        tilted = max(tilted, float((np.abs(images - pairs) / (1 + np.abs(pairs))).max()))
        double += images / len(permutations)
    if max(apart, tilted) > _UNLIKE:
        raise ValueError(
            f"the permutations exchange sites that are not alike: their energies differ by "
            f"{apart:.3g} eV, those of pairs by {100 * tilted:.0f} %; give the permutations of "
            "these sites in this order"
        )
    return np.asarray(single), np.asarray((double + double.T) / 2)
