"""Bonds and hydrogen bonds of inserted H, in the loops that the core dictionary has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.cif_items import LoopTable, remove_items
from aiida_hpaint.science.structures.writing.cif_text import quote_text
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.hydrogen_bonds import (
    CarriedHydrogen,
    list_carried_hydrogens,
)

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["edit_geometry"]


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
    for one in list_carried_hydrogens(crystal, listed):
        _add_rows(one, bonds, hbonds)
    bonds.write()
    hbonds.write()
    return notes


def _add_rows(one: CarriedHydrogen, bonds: LoopTable, hbonds: LoopTable) -> None:
    _append(
        bonds,
        {
            "atom_site_label_1": quote_text(one.donor),
            "atom_site_label_2": one.hydrogen,
            "distance": f"{one.length:.3f}",
            "site_symmetry_2": ".",
            "publ_flag": "?",
        },
        {"site_symmetry_1": "."},
    )
    for bond in one.hydrogen_bonds:
        _append(
            hbonds,
            {
                "atom_site_label_d": quote_text(one.donor),
                "atom_site_label_h": one.hydrogen,
                "atom_site_label_a": quote_text(bond.acceptor),
                "distance_dh": f"{one.length:.3f}",
                "distance_ha": f"{bond.to_hydrogen:.3f}",
                "distance_da": f"{bond.to_donor:.3f}",
                "angle_dha": f"{bond.angle:.1f}",
                "site_symmetry_a": bond.code,
            },
            {"site_symmetry_d": ".", "site_symmetry_h": "."},
        )


def _append(table: LoopTable, values: dict[str, str], more: dict[str, str]) -> None:
    """Append a row to a loop, which gets the columns of `values` if it is new."""
    if not table.columns:
        for name in values:
            table.add_column(name, [])
    table.append({**more, **values})
