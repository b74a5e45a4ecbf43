"""PrimitiveCell: which sites of a cell each site of its primitive cell stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents, write_parents
from aiida_hpaint.science.structures.primitive.translations import Translations
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["PrimitiveCell"]


@dataclass(frozen=True, eq=False)
class PrimitiveCell:
    """A cell that T translations repeat in the cell of a file.

    Attributes
    ----------
    multiples : (3, 3) integers
        Lattice vectors of the file as multiples of those of the primitive cell.
    shifts : (T, 3) integers
        Translations in units of 1 / `order` of the lattice vectors of the file, zero first.
    order
        Denominator of the translations.
    sites : (n, T) integers
        Sites of the file that each site of the primitive cell stands for, itself first, in the
        order of the translations.
    """

    multiples: IntArray
    shifts: IntArray
    order: int
    sites: IntArray

    @classmethod
    def of(cls, host: StructureBatch, translations: Translations) -> PrimitiveCell:
        """Find the primitive cell of one host.

        Parameters
        ----------
        translations
            They map sites of the host to sites that carry as many inserted ones, and their number
            divides that of the inserted sites of each element that nothing carries.
        """
        known = np.flatnonzero(~host.inserted)
        images = known[translations.images].T
        first = np.unique(images.min(axis=1))
        places = {int(site): row for row, site in enumerate(known)}
        orbits = [images[places[int(site)]] for site in first]
        inserted = _share_inserted_sites(host, orbits)
        sites = np.array(sorted([*orbits, *inserted], key=lambda orbit: int(orbit[0])))
        multiples = translations.find_primitive_vectors(host.cells[0])
        return cls(multiples, translations.vectors, translations.order, sites)

    @property
    def repeats(self) -> int:
        """Number of times that the primitive cell is contained in the cell of the file."""
        return len(self.shifts)

    def as_json(self) -> dict[str, Any]:
        """Return all attributes as JSON."""
        return {
            "multiples": self.multiples.tolist(),
            "shifts": self.shifts.tolist(),
            "order": self.order,
            "sites": self.sites.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PrimitiveCell:
        """Read what `as_json` returned."""
        multiples, shifts, sites = (np.array(values[n]) for n in ("multiples", "shifts", "sites"))
        return cls(multiples, shifts, int(values["order"]), sites)

    def reduce(self, host: StructureBatch) -> StructureBatch:
        """Return one host in its primitive cell; what its metadata say of sites goes with them."""
        kept = self.sites[:, 0]
        reduced = replace(
            host,
            cells=self.reduce_cell(host)[None],
            site_counts=np.array([len(kept)]),
            numbers=host.numbers[kept],
            frac_coords=host.frac_coords[kept] @ self.multiples,
            inserted=host.inserted[kept],
        )
        metadata = dict(host.metadata[0])
        labels = metadata.get("site_labels")
        known = np.flatnonzero(~host.inserted)
        if labels is not None and len(labels) == len(known):
            listed = dict(zip(known.tolist(), labels, strict=True))
            metadata["site_labels"] = [listed[s] for s in kept.tolist() if s in listed]
        reduced = replace(reduced, metadata=(metadata,))
        if "parents" not in (metadata.get("budget") or {}):
            return reduced
        rows = {site: row for row, orbit in enumerate(self.sites.tolist()) for site in orbit}
        parents = dict(
            zip(np.flatnonzero(host.inserted).tolist(), read_parents(host).tolist(), strict=True)
        )
        carrying = [rows.get(parents[s], UNKNOWN) for s in kept.tolist() if s in parents]
        return write_parents(reduced, [carrying])

    def reduce_cell(self, host: StructureBatch) -> FloatArray:
        """Return the (3, 3) primitive vectors of a host, as rows, in Å."""
        cell: FloatArray = np.linalg.solve(self.multiples.astype(np.float64), host.cells[0])
        return cell

    def expand_cell(self, cell: FloatArray, host: StructureBatch) -> FloatArray:
        """Return the (3, 3) cell of the file for one of a sample: the host's where it is fixed."""
        if np.array_equal(cell, self.reduce_cell(host)):
            return np.array(host.cells[0])
        return np.asarray(self.multiples @ cell)

    def expand(self, frac: FloatArray, host: StructureBatch) -> FloatArray:
        """Return the fractional coordinates of a sample of the primitive cell in that of the file.

        Sites of the host are where the file has them, moved as those of the sample are; where these
        did not move, bit for bit.

        Parameters
        ----------
        frac : (n, 3)
            Coordinates in the primitive cell.
        host
            The host in the cell of its file.
        """
        inverse = np.linalg.inv(self.multiples)
        coords = host.frac_coords.copy()
        inserted = host.inserted[self.sites[:, 0]]
        known = self.sites[~inserted]
        moved = frac[~inserted] - host.frac_coords[known[:, 0]] @ self.multiples
        moved -= np.rint(moved)
        coords[known] = coords[known] + (moved @ inverse)[:, None]
        placed = (frac[inserted] @ inverse)[:, None] + self.shifts / self.order
        coords[self.sites[inserted]] = placed - np.floor(placed)
        return coords


def _share_inserted_sites(host: StructureBatch, orbits: list[IntArray]) -> list[IntArray]:
    """Return the orbits of inserted sites: those at equivalent atoms are equivalent."""
    slots: dict[tuple[int, int], list[int]] = {}
    inserted = np.flatnonzero(host.inserted).tolist()
    for slot, parent in zip(inserted, read_parents(host).tolist(), strict=True):
        slots.setdefault((parent, int(host.numbers[slot])), []).append(slot)
    elements = sorted({element for _, element in slots})
    repeats = len(orbits[0])
    found: list[list[int]] = []
    for element in elements:
        free = slots.get((UNKNOWN, element), [])
        found += [free[start : start + repeats] for start in range(0, len(free), repeats)]
        for orbit in orbits:
            carried = [slots.get((int(site), element), []) for site in orbit]
            found += [list(each) for each in zip(*carried, strict=True)]
    return [np.array(orbit) for orbit in found]
