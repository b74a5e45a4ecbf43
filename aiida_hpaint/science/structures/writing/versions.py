"""Coordinates of the two versions of an answer, without the drift of a relaxation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import is_same_cell
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.errors import make_host_error, name_site
from aiida_hpaint.science.structures.fixed_host import get_fixed_sites
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = [
    "INSERTED",
    "NO_PARENT",
    "RELAXED",
    "Version",
    "check_answer",
    "find_nearest_image",
    "find_parents",
    "place_in_fixed_host",
    "place_sites",
]

INSERTED: Literal["inserted"] = "inserted"
RELAXED: Literal["relaxed"] = "relaxed"

Version = Literal["inserted", "relaxed"]
"""`inserted`: the host as its source has it; `relaxed`: all sites where the answer has them."""

NO_PARENT = -1

_CARRIERS = frozenset({5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 50, 51, 52, 53})
"""Atomic numbers of elements that H is covalently bound to."""

_LONGEST_BOND = 1.35
"""Longest bond of H to its parent, in sums of covalent radii."""


def check_answer(host: StructureBatch, answer: StructureBatch) -> None:
    """Check that an answer is a single structure with the sites of its host, all placed.

    Raises
    ------
    HostError
        If a site has no position.
    ValueError
        If there are several structures, or other sites than those of the host.
    """
    for one in (answer, host):
        if len(one) != 1:
            raise ValueError(f"{len(one)} structures: write them one at a time")
    for index in np.flatnonzero(np.isnan(answer.frac_coords).any(axis=1))[:1].tolist():
        name = name_site(index, get_symbol(int(answer.numbers[index])))
        raise make_host_error(
            answer.labels[0], "it has no position yet", "Generate positions first", name
        )
    if not np.array_equal(host.numbers[~host.inserted], answer.numbers[~answer.inserted]):
        raise ValueError(
            f"{answer.labels[0]}: its host sites are not those of the host {host.labels[0]}: give "
            "the host that it was made from, with the same order of sites"
        )


def find_parents(structure: StructureBatch) -> IntArray:
    """Return the (n,) site that carries each H atom; -1 for other elements and without a carrier.

    A carrier is the nonmetal that is nearest in sums of covalent radii, up to 1.35 of them.
    """
    from ase.data import covalent_radii

    parents = np.full(structure.n_sites, NO_PARENT, dtype=np.int64)
    carriers = np.flatnonzero(np.isin(structure.numbers, list(_CARRIERS)))
    if not len(carriers):
        return parents
    frac, cell = structure.frac_coords, structure.cells[0]
    for index in np.flatnonzero(structure.numbers == 1).tolist():
        near = find_nearest_image(frac[carriers], frac[index], cell)
        lengths = np.linalg.norm((near - frac[index]) @ cell, axis=1)
        ratios = lengths / (covalent_radii[1] + covalent_radii[structure.numbers[carriers]])
        best = int(ratios.argmin())
        if ratios[best] <= _LONGEST_BOND:
            parents[index] = carriers[best]
    return parents


def find_nearest_image(frac: FloatArray, target: FloatArray, cell: FloatArray) -> FloatArray:
    """Return the (n, 3) images of points, by lattice translations, that are nearest to a target."""
    from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS

    wrapped = frac - np.rint(frac - target)
    images = wrapped[:, None] + NEIGHBOURS
    nearest = np.linalg.norm((images - target) @ cell, axis=-1).argmin(1)
    return np.asarray(images[np.arange(len(frac)), nearest])


def place_sites(
    host: StructureBatch, answer: StructureBatch, version: Version, parents: IntArray
) -> FloatArray:
    """Return the (n, 3) fractional coordinates of one version of an answer.

    The mean displacement of host sites (the drift) is subtracted. In the version `inserted`, host
    sites are those of the host, and inserted sites keep their vector from their parent, in Å also
    where the cell relaxed.

    Parameters
    ----------
    parents : (n,)
        Site that carries each site, as `find_parents` returns it.
    """
    inserted = answer.inserted
    before, after = host.frac_coords[~host.inserted], answer.frac_coords
    moved = after[~inserted] - before
    moved -= np.rint(moved)
    drift = moved.mean(0) if len(moved) else np.zeros(3)
    placed = after - drift
    # Lattice translations of the answer's host sites mean nothing: the host's are kept.
    shifts = np.zeros_like(placed)
    shifts[~inserted] = moved - drift
    placed[~inserted] = before + shifts[~inserted]
    if version == RELAXED:
        return np.asarray(placed)
    unstretched = answer.cells[0] @ np.linalg.inv(host.cells[0]) - np.eye(3)
    if is_same_cell(host.cells[0], answer.cells[0]):
        unstretched[:] = 0.0
    for index in np.flatnonzero(inserted & (parents != NO_PARENT)).tolist():
        parent = int(parents[index])
        image = find_nearest_image(placed[index][None], placed[parent], answer.cells[0])[0]
        placed[index] = image - shifts[parent] + (image - placed[parent]) @ unstretched
    placed[~inserted] = before
    return np.asarray(placed)


def place_in_fixed_host(
    placed: FloatArray, answer: StructureBatch, parents: IntArray
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return (n, 3) coordinates with inserted sites where they were while the host was fixed.

    Where H changed the atom that carries it later, all stay where they are, and a note says so.
    They do so, too, where the metadata of the answer do not say where they were.

    Parameters
    ----------
    placed : (n, 3)
        Fractional coordinates of the version `inserted`.
    answer
        The answer, a batch of one.
    parents : (n,)
        Site that carries each site in the answer.
    """
    sites = get_fixed_sites(answer)
    if sites is None:
        return placed, ()
    in_host = placed.copy()
    in_host[answer.inserted] = sites
    if not np.array_equal(find_parents(replace(answer, frac_coords=in_host)), parents):
        note = "H changed the atom that carries it when all sites were relaxed."
        return placed, (note,)
    return in_host, ()
