"""Bonds and hydrogen bonds of inserted H, in the loops that the core dictionary has for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS, SymmetryOperations
from aiida_hpaint.science.structures.writing.cif_items import LoopTable, remove_items
from aiida_hpaint.science.structures.writing.cif_text import quote_text
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite
from aiida_hpaint.science.types import FloatArray

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["edit_geometry"]

_ACCEPTORS = frozenset({"N", "O", "F", "S", "Cl", "Se", "Br", "I"})
_LONGEST = 2.6
"""Largest distance H...A of a hydrogen bond, Å."""

_SMALLEST = 120.0
"""Smallest angle D-H...A of a hydrogen bond, degrees."""


@dataclass(frozen=True)
class _Contact:
    """Site near an H: which one of the list, where, and by which operation."""

    site: UniqueSite
    position: FloatArray
    code: str


def edit_geometry(
    block: cif.Block, crystal: RestoredCrystal, listed: SymmetryOperations, is_outdated: bool
) -> tuple[str, ...]:
    """Add bonds and hydrogen bonds of inserted H; remove those of the source that are out of date.

    Parameters
    ----------
    block
        Block that the sites are written to.
    crystal
        The restored crystal.
    listed
        Operations in the order in which the block lists them: symmetry codes count these.
    is_outdated
        Whether positions, labels or operations of the source have changed.

    Returns
    -------
    tuple of str
        What was removed, one sentence each.
    """
    notes: tuple[str, ...] = ()
    if is_outdated:
        removed = remove_items(block, lambda tag: tag.startswith("_geom_"))
        if removed:
            notes = (
                "The geometry of the source was removed, because positions, labels or symmetry "
                "codes have changed.",
            )
    bonds = LoopTable.find(block, "_geom_bond_", "distance")
    hbonds = LoopTable.find(block, "_geom_hbond_", "distance_ha", "angle_dha")
    for site in crystal.sites:
        if site.is_inserted and site.parent:
            _add_rows(crystal, site, listed, bonds, hbonds)
    bonds.write()
    hbonds.write()
    return notes


def _add_rows(
    crystal: RestoredCrystal,
    site: UniqueSite,
    listed: SymmetryOperations,
    bonds: LoopTable,
    hbonds: LoopTable,
) -> None:
    parent = next(each for each in crystal.sites if each.label == site.parent)
    cell = crystal.structure.cells[0]
    vector = (parent.position - site.position) @ cell
    length = float(np.linalg.norm(vector))
    _append(
        bonds,
        {
            "atom_site_label_1": quote_text(parent.label),
            "atom_site_label_2": site.label,
            "distance": f"{length:.3f}",
            "site_symmetry_2": ".",
            "publ_flag": "?",
        },
        {"site_symmetry_1": "."},
    )
    for contact in _find_acceptors(crystal, site, parent, listed):
        apart = (contact.position - site.position) @ cell
        far = float(np.linalg.norm(apart))
        cosine = float(vector @ apart) / (length * far)
        angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        if angle < _SMALLEST:
            continue
        across = float(np.linalg.norm((contact.position - parent.position) @ cell))
        _append(
            hbonds,
            {
                "atom_site_label_d": quote_text(parent.label),
                "atom_site_label_h": site.label,
                "atom_site_label_a": quote_text(contact.site.label),
                "distance_dh": f"{length:.3f}",
                "distance_ha": f"{far:.3f}",
                "distance_da": f"{across:.3f}",
                "angle_dha": f"{angle:.1f}",
                "site_symmetry_a": contact.code,
            },
            {"site_symmetry_d": ".", "site_symmetry_h": "."},
        )


def _append(table: LoopTable, values: dict[str, str], more: dict[str, str]) -> None:
    """Append a row to a loop, which gets the columns of `values` if it is new."""
    if not table.columns:
        for name in values:
            table.add_column(name, [])
    table.append({**more, **values})


def _find_acceptors(
    crystal: RestoredCrystal, site: UniqueSite, parent: UniqueSite, listed: SymmetryOperations
) -> list[_Contact]:
    cell, found = crystal.structure.cells[0], []
    for other in crystal.sites:
        if other.symbol not in _ACCEPTORS:
            continue
        images = listed.images(other.position[None])[:, 0]
        shifts = NEIGHBOURS - np.rint(images - site.position)[:, None]
        points = images[:, None] + shifts
        lengths = np.linalg.norm((points - site.position) @ cell, axis=-1)
        seen: list[FloatArray] = []
        for operation, cell_index in np.argwhere(lengths < _LONGEST).tolist():
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
