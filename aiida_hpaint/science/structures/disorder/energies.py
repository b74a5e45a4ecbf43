"""Electrostatic energies of arrangements, for all candidate positions of a cell at once."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.types import FloatArray, IntArray

MOST_POSITIONS = 400
"""Largest number of positions in the cell whose electrostatics takes seconds."""

_ONE_POSITION = 0.1  # Å: alternatives on one site share a position
_ANIONS = {"N": -3.0, "O": -2.0, "S": -2.0, "Se": -2.0, "Te": -2.0}
_HALOGENS = ("F", "Cl", "Br", "I")
_TYPICAL_METAL = 3.0  # oxidation number that metals with several come near
_ELECTRONEGATIVE = 2.25  # between P and S: below it nonmetals are cations in oxides
_BONDED = 1.9  # Å, of O or F to the nonmetal that they make positive
_CONTACT = 2.6  # Å, below which atoms that are not bonded repel each other


def guess_charges(images: Images) -> FloatArray | None:
    """Return the (A,) oxidation numbers of the images, listed or usual; None for organic crystals.

    Molecules with C-H or C-C bonds have no useful ones.
    """
    sites = images.record.sites
    oxidised: set[int] = set()
    for i, j, distance in images.pairs(_BONDED):
        first, second = sites[images.owners[i]], sites[images.owners[j]]
        symbols = {first.symbol, second.symbol}
        if "C" in symbols and (is_hydrogen(first) or is_hydrogen(second)) and distance < 1.3:
            return None
        if {"O", "F"} & symbols and distance > 1.0:
            oxidised |= {int(images.owners[i]), int(images.owners[j])}
    charges = {
        owner: _guess(sites[owner], owner in oxidised)
        for owner in np.unique(images.owners).tolist()
    }
    if None in charges.values():
        return None
    return np.array([charges[owner] for owner in images.owners.tolist()], dtype=np.float64)


def _guess(site: ListedSite, is_oxidised: bool) -> float | None:
    from pymatgen.core import Element

    if site.charge is not None:
        return site.charge
    if is_hydrogen(site):
        return 1.0
    element = Element(site.symbol)
    common = [float(n) for n in element.common_oxidation_states]
    if site.symbol in ("O", "F"):
        return _ANIONS.get(site.symbol, -1.0)
    if element.is_metal or is_oxidised or element.X < _ELECTRONEGATIVE:
        positive = [n for n in common if n > 0]
        if not element.is_metal:
            return max(positive, default=None)
        return min(positive, key=lambda n: abs(n - _TYPICAL_METAL), default=None)
    return -1.0 if site.symbol in _HALOGENS else _ANIONS.get(site.symbol)


def find_interactions(images: Images, charges: FloatArray | None) -> FloatArray:
    """Return the (A, A) matrix whose sum over present images, both indices, is the energy in eV.

    With charges that of Ewald (a background makes charged cells neutral); otherwise contacts
    below 2.6 Å repel, in arbitrary units.
    """
    if charges is None:
        return _find_contacts(images)
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core import Structure

    positions, member = _find_positions(images)
    structure = Structure(
        images.record.cell,
        ["H"] * len(positions),
        images.frac[positions],
    )
    structure.add_oxidation_state_by_site([1.0] * len(positions))
    potential = np.array(EwaldSummation(structure).total_energy_matrix)
    return potential[np.ix_(member, member)] * np.outer(charges, charges)


def _find_contacts(images: Images) -> FloatArray:
    matrix = np.zeros((len(images.owners), len(images.owners)))
    for i, j, distance in images.pairs(_CONTACT):
        hydrogen = is_hydrogen(images.site(i)) + is_hydrogen(images.site(j))
        reach = _CONTACT - 0.3 * hydrogen
        matrix[i, j] = matrix[j, i] = max(0.0, 1 - distance / reach) ** 2
    return matrix


def _find_positions(images: Images) -> tuple[IntArray, IntArray]:
    """Return the images that stand for one position each, and which of them each image is at."""
    position = np.arange(len(images.owners))
    for i, j, _ in images.pairs(_ONE_POSITION):
        position[j] = position[i]
    found, member = np.unique(position, return_inverse=True)
    return found.astype(np.int64), member.astype(np.int64)
