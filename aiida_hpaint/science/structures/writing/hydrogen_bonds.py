"""Bonds of inserted H, and its hydrogen bonds, in the asymmetric unit of a restored crystal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.structures.hydrogen_bonds import ACCEPTORS, LONGEST, SMALLEST_ANGLE
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS, SymmetryOperations
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite
from aiida_hpaint.science.types import FloatArray

__all__ = ["CarriedHydrogen", "HydrogenBond", "list_carried_hydrogens"]


@dataclass(frozen=True)
class HydrogenBond:
    """A hydrogen bond D-H...A.

    Attributes
    ----------
    acceptor
        Label of A.
    code
        Symmetry code of A; `.` for its listed position.
    to_hydrogen, to_donor
        Distances H...A and D...A, Å.
    angle
        Angle D-H...A, degrees.
    """

    acceptor: str
    code: str
    to_hydrogen: float
    to_donor: float
    angle: float


@dataclass(frozen=True)
class CarriedHydrogen:
    """An inserted H, the atom that carries it, and its hydrogen bonds.

    Attributes
    ----------
    hydrogen, donor
        Labels.
    donor_symbol
        Element of the donor.
    length
        Distance of the two, Å.
    count
        Number of such H in the cell.
    hydrogen_bonds
        Its hydrogen bonds.
    """

    hydrogen: str
    donor: str
    donor_symbol: str
    length: float
    count: int
    hydrogen_bonds: tuple[HydrogenBond, ...]


@dataclass(frozen=True)
class _Contact:
    """Site near an H: which one of the list, where, and by which operation."""

    site: UniqueSite
    position: FloatArray
    code: str


def list_carried_hydrogens(
    crystal: RestoredCrystal, listed: SymmetryOperations | None = None
) -> list[CarriedHydrogen]:
    """Return the inserted H of the asymmetric unit that an atom carries, in their order.

    Parameters
    ----------
    listed
        Operations in the order that symmetry codes count; by default those of the crystal.
    """
    operations = crystal.symmetry.operations if listed is None else listed
    cell, found = crystal.structure.cells[0], []
    for site in crystal.sites:
        if not (site.is_inserted and site.parent):
            continue
        parent = next(each for each in crystal.sites if each.label == site.parent)
        found.append(
            CarriedHydrogen(
                hydrogen=site.label,
                donor=parent.label,
                donor_symbol=parent.symbol,
                length=float(np.linalg.norm((parent.position - site.position) @ cell)),
                count=len(site.members),
                hydrogen_bonds=tuple(_find_bonds(crystal, site, parent, operations)),
            )
        )
    return found


def _find_bonds(
    crystal: RestoredCrystal, site: UniqueSite, parent: UniqueSite, listed: SymmetryOperations
) -> Iterator[HydrogenBond]:
    cell = crystal.structure.cells[0]
    vector = (parent.position - site.position) @ cell
    for contact in _find_acceptors(crystal, site, parent, listed):
        apart = (contact.position - site.position) @ cell
        far = float(np.linalg.norm(apart))
        cosine = float(vector @ apart) / (float(np.linalg.norm(vector)) * far)
        angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        if angle < SMALLEST_ANGLE:
            continue
        across = float(np.linalg.norm((contact.position - parent.position) @ cell))
        yield HydrogenBond(contact.site.label, contact.code, far, across, angle)


def _find_acceptors(
    crystal: RestoredCrystal, site: UniqueSite, parent: UniqueSite, listed: SymmetryOperations
) -> list[_Contact]:
    cell, found = crystal.structure.cells[0], []
    for other in crystal.sites:
        if get_atomic_number(other.symbol) not in ACCEPTORS:
            continue
        images = listed.images(other.position[None])[:, 0]
        shifts = NEIGHBOURS - np.rint(images - site.position)[:, None]
        points = images[:, None] + shifts
        lengths = np.linalg.norm((points - site.position) @ cell, axis=-1)
        seen: list[FloatArray] = []
        for operation, cell_index in np.argwhere(lengths < LONGEST).tolist():
            point = points[operation, cell_index]
            is_parent = np.linalg.norm((point - parent.position) @ cell) < 0.1
            known = any(np.linalg.norm((point - each) @ cell) < 0.1 for each in seen)
            if is_parent or known:
                continue
            seen.append(point)
            code = _make_code(operation, point - other.position, listed, other.position)
            found.append(_Contact(other, point, code))
    return found


def _make_code(
    operation: int, shift: FloatArray, listed: SymmetryOperations, position: FloatArray
) -> str:
    """Return the symmetry code n_klm of an image, `.` for the listed position itself."""
    if np.abs(shift).max() < 1e-6:
        return "."
    image = listed.images(position[None], np.array([operation]))[0, 0]
    steps = np.rint(position + shift - image).astype(int) + 5
    digits = "".join(map(str, steps.tolist()))
    return f"{operation + 1}_{digits}" if (steps >= 1).all() and (steps <= 9).all() else "?"
