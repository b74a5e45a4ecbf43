"""Displacement parameters: Uiso of inserted H, and tensors of sites that split."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.structures.writing.cif_items import LoopTable
from aiida_hpaint.science.structures.writing.cif_text import format_number, quote_text
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite
from aiida_hpaint.science.types import FloatArray

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["choose_factor", "find_operation", "split_tensors"]

_FREE = 1.5
_BOUND = 1.2
_COMPONENTS = ("11", "22", "33", "12", "13", "23")
_VALUE = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))")


def choose_factor(crystal: RestoredCrystal, site: UniqueSite) -> float:
    """Return Uiso of an H as a multiple of its parent's: 1.5 for OH, H2O and XH3, 1.2 for others.

    The convention of SHELXL for H in calculated positions.
    """
    together = sum(
        len(each.members)
        for each in crystal.sites
        if each.is_inserted and each.parent == site.parent
    )
    carrier = next(each for each in crystal.sites if each.label == site.parent)
    is_rotor = together == 3 * len(carrier.members)
    return _FREE if carrier.symbol == "O" or is_rotor else _BOUND


def find_operation(crystal: RestoredCrystal, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the (3, 3) rotation of an operation of the host that brings one point to another."""
    assert crystal.source.record is not None
    operations = crystal.source.record.operations
    shifts = operations.images(start[None])[:, 0] - end
    shifts -= np.rint(shifts)
    nearest = int(np.linalg.norm(shifts @ operations.cell, axis=1).argmin())
    return np.asarray(operations.rotations[nearest], dtype=np.float64)


def split_tensors(block: cif.Block, crystal: RestoredCrystal) -> None:
    """Bring the loop of anisotropic displacement parameters up to date with the list of sites.

    Tensors of split sites are turned with them, without standard uncertainties; rows of sites that
    are gone are dropped.
    """
    table = LoopTable.find(block, "_atom_site_aniso_", "label")
    if not len(table):
        return
    names = table.texts("label")
    listed = [site for site in crystal.sites if not site.is_inserted]
    files = crystal.source.listed or {}
    pairs = [(site, files.get(site.listed, site.listed)) for site in listed]
    kept = [(site, names.index(name)) for site, name in pairs if name in names]
    table.take(row for _, row in kept)
    first = {site.listed: site for site in listed if site.is_first}
    for row, (site, _) in enumerate(kept):
        table.columns["label"][row] = quote_text(site.label)
        origin = first.get(site.listed)
        if site.is_first or origin is None or not crystal.source.has_cell(crystal.host):
            continue
        rotation = find_operation(crystal, origin.position, site.position)
        _turn(table, row, rotation, crystal.structure.cells[0])
    table.write()


def _turn(table: LoopTable, row: int, rotation: FloatArray, cell: FloatArray) -> None:
    for kind in ("u", "b"):
        names = [f"{kind}_{component}" for component in _COMPONENTS]
        if not set(names) <= set(table.columns):
            continue
        found = [_VALUE.match(table.texts(name)[row]) for name in names]
        if not all(found):
            continue
        a, b, c, d, e, f = (float(each.group()) for each in found if each is not None)
        tensor = np.array([[a, d, e], [d, b, f], [e, f, c]])
        # In the basis of lattice vectors, the tensor is N U N with the lengths of a*, b*, c*.
        scale = np.diag(np.linalg.norm(np.linalg.inv(cell), axis=0))
        turned = rotation @ scale @ tensor @ scale @ rotation.T
        inverse = np.linalg.inv(scale)
        turned = inverse @ turned @ inverse
        for name, component in zip(names, _COMPONENTS, strict=True):
            value = turned[int(component[0]) - 1, int(component[1]) - 1]
            table.columns[name][row] = format_number(float(value), 5)
