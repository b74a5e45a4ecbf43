"""Moving apart: H on top of other sites, put at a bond length from the atoms that carry it."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii
from ase.geometry import get_distances
from numpy.typing import NDArray

from aiida_hpaint.science.plausibility import find_contacts
from aiida_hpaint.science.plausibility.carriers import NONMETALS
from aiida_hpaint.science.plausibility.rules import find_close_pairs
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.types import FloatArray, IntArray

ATTEMPTS = 8
"""Number of directions of a bond that are tried. The best of many would be the same in all samples
of a symmetric host."""


def move_apart(
    samples: StructureBatch, members: NDArray[np.intp]
) -> tuple[StructureBatch, IntArray]:
    """Move inserted H that is too close to other sites to a bond length from an atom of the host.

    This is the last resort where a generator puts H onto host atoms, as in crystals that are so
    symmetric that no direction is better than another. The atom is the parent by the budget or,
    where that is not known, the nearest nonmetal, or the nearest atom of hosts without any. Of
    some random directions the one with the most room is taken. Directions depend on the scalar
    `sample` alone, or on the row where there is none.

    Parameters
    ----------
    samples
        Samples of any hosts.
    members
        Those to change: samples of one host.

    Returns
    -------
    The samples, and how many H were moved in each member.
    """
    contacts = find_contacts(samples, members)
    close = find_close_pairs(contacts) & (contacts.numbers[contacts.first] == 1)
    wrong = contacts.count_sites(close) > 0
    coords = samples.frac_coords.copy()
    numbers = samples.scalars.get("sample", np.arange(len(samples)))
    for place, index in enumerate(members.tolist()):
        one = samples[index]
        rng = np.random.default_rng(int(numbers[index]))
        coords[samples.sites(index)] = _place(one, np.flatnonzero(wrong[place]), rng)
    return samples.with_coords(coords), np.asarray(wrong.sum(1), dtype=np.int64)


def _place(one: StructureBatch, moved: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return the (n, 3) fractional coordinates of a structure after some H were moved."""
    cell, cart, radii = one.cells[0], one.cart_coords, covalent_radii[one.numbers]
    carriers = _choose_carriers(one, moved)
    settled = np.setdiff1d(np.arange(one.n_sites), moved)
    for site, carrier in zip(moved.tolist(), carriers.tolist(), strict=True):
        directions = rng.standard_normal((ATTEMPTS, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        places = cart[carrier] + (radii[carrier] + radii[site]) * directions
        others = settled[settled != carrier]
        room = np.full(ATTEMPTS, np.inf)
        if len(others):
            _, lengths = get_distances(places, cart[others], cell=cell, pbc=True)
            room = (lengths / (radii[others] + radii[site])).min(1)
        cart[site] = places[room.argmax()]
        settled = np.append(settled, site)
    coords = one.frac_coords.copy()
    coords[moved] = cart[moved] @ np.linalg.inv(cell)
    return coords


def _choose_carriers(one: StructureBatch, moved: IntArray) -> IntArray:
    """Return the (k,) atom of the host that each of the H to move is put beside."""
    parents = np.full(one.n_sites, UNKNOWN)
    parents[one.inserted] = read_parents(one)
    carriers = parents[moved]
    host = np.flatnonzero(~one.inserted & (one.numbers != 1))
    nonmetals = host[np.isin(one.numbers[host], NONMETALS)]
    host = nonmetals if len(nonmetals) else host
    unknown = carriers == UNKNOWN
    if unknown.any() and len(host):
        cart = one.cart_coords
        _, lengths = get_distances(cart[moved[unknown]], cart[host], cell=one.cells[0], pbc=True)
        carriers[unknown] = host[lengths.argmin(1)]
    # In a host of H alone there is nothing to bond to.
    return np.where(carriers == UNKNOWN, moved, carriers)
