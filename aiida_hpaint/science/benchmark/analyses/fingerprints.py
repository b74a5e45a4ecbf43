"""Fingerprints of compositions and structures, and distances to the nearest of a training set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from ase.symbols import symbols2numbers
from scipy.spatial.distance import cdist

from aiida_hpaint.science.types import FloatArray, IntArray

NEIGHBOURS = 100
"""Neighbours of each site in the fingerprint of a structure."""

_SCALE = 103
"""Elements of Pettifor's scale."""

_CHUNK = 256
"""Structures whose distances to all others are in memory at once."""


def fingerprint_compositions(compositions: Sequence[IntArray]) -> FloatArray:
    """Return the (S, 103) cumulative shares of elements along Pettifor's scale.

    The sum of the absolute differences of two is the earth mover's distance between compositions on
    that scale, in its steps: how far atoms have to change along the elements in the order of their
    chemical similarity (Pettifor, J. Phys. C 19, 285 (1986); Hargreaves et al., Chem. Mater. 32,
    10610 (2020), whose scale is a modified one).

    Parameters
    ----------
    compositions
        Atomic numbers of all sites of each structure.
    """
    places = _order_elements()
    shares = np.zeros((len(compositions), _SCALE))
    for row, numbers in enumerate(compositions):
        np.add.at(shares[row], places[numbers], 1 / len(numbers))
    return np.asarray(shares.cumsum(axis=1))


def fingerprint_structure(
    cell: FloatArray, frac_coords: FloatArray, neighbours: int = NEIGHBOURS
) -> FloatArray:
    """Return the (neighbours,) average minimum distances of a crystal, Å.

    The k-th is the distance of a site from its k-th nearest, the mean over all sites. It does not
    depend on the cell that describes the crystal, and changes continuously with its sites
    (Widdowson et al., MATCH 87, 529 (2022)). Elements play no part.

    Parameters
    ----------
    cell
        (3, 3) lattice vectors as rows, Å.
    frac_coords
        (n, 3) fractional coordinates.
    """
    volume = abs(np.linalg.det(cell))
    heights = volume / np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    sites = (frac_coords % 1) @ cell
    cutoff = (3 * 1.3 * neighbours * volume / (4 * np.pi * len(sites))) ** (1 / 3)
    while True:
        # Sites within the cutoff are less than a cell and the cutoff apart along each axis.
        repeats = np.floor(cutoff / heights).astype(int) + 1
        images = np.indices(2 * repeats + 1).reshape(3, -1).T - repeats
        points = ((images @ cell)[:, None] + sites).reshape(-1, 3)
        distances = cdist(sites, points)
        if distances.shape[1] > neighbours:
            # The nearest of all is the site itself.
            nearest = np.sort(np.partition(distances, neighbours, axis=1)[:, : neighbours + 1])
            if nearest[:, -1].max() <= cutoff:
                return np.asarray(nearest[:, 1:].mean(axis=0))
        cutoff *= 1.15


def find_nearest(ours: FloatArray, theirs: FloatArray, metric: str) -> tuple[FloatArray, IntArray]:
    """Return the (S,) distances to the nearest of `theirs`, and the (S,) rows of these.

    Parameters
    ----------
    ours, theirs
        (S, F) and (T, F) fingerprints.
    metric
        That of scipy's `cdist`: `cityblock` for compositions, `chebyshev` for structures.
    """
    found = [_find_chunk(chunk, theirs, metric) for chunk in _split(ours)]
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def read_formula(formula: str) -> IntArray:
    """Return the (n,) atomic numbers of a formula, like H2MgO2."""
    return np.array(symbols2numbers(formula), dtype=np.int64)


def _find_chunk(ours: FloatArray, theirs: FloatArray, metric: str) -> tuple[FloatArray, IntArray]:
    distances = cdist(ours, theirs, metric)
    nearest = distances.argmin(axis=1)
    return distances[np.arange(len(ours)), nearest], np.asarray(nearest, dtype=np.int64)


def _split(values: FloatArray) -> Iterator[FloatArray]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


@cache
def _order_elements() -> IntArray:
    """Return the (119,) place of each atomic number on Pettifor's scale, from 0.

    The scale ends with Lr (103); heavier elements share its last place.
    """
    from pymatgen.core import Element

    numbers = [Element.from_Z(z).mendeleev_no for z in range(1, _SCALE + 1)]
    places = np.full(119, _SCALE - 1, dtype=np.int64)
    places[1 : _SCALE + 1] = np.array(numbers) - 1
    return places
