"""Structures of a host that the report shows: its reference, and its answer."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray

__all__ = ["HostStructures", "Sites"]

_DECIMALS = 4


class Sites(BaseModel):
    """Sites of one structure.

    Attributes
    ----------
    numbers
        Atomic numbers.
    inserted
        Indices of the sites that were removed or inserted.
    coords
        Fractional coordinates, rounded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: tuple[int, ...]
    inserted: tuple[int, ...]
    coords: tuple[tuple[float, float, float], ...]

    @classmethod
    def from_structure(cls, one: StructureBatch) -> Sites:
        """Take the sites of one structure."""
        coords = np.round(one.frac_coords, _DECIMALS) + 0.0  # no negative zeros
        return cls(
            numbers=tuple(one.numbers.tolist()),
            inserted=tuple(np.flatnonzero(one.inserted).tolist()),
            coords=tuple((x, y, z) for x, y, z in coords.tolist()),
        )

    def to_structure(self, cell: FloatArray, label: str) -> StructureBatch:
        """Return the structure in a cell (3, 3), Å."""
        return StructureBatch(
            labels=(label,),
            cells=cell[None],
            site_counts=np.array([len(self.numbers)]),
            numbers=np.array(self.numbers),
            frac_coords=np.array(self.coords),
            inserted=np.isin(np.arange(len(self.numbers)), self.inserted),
        )


class HostStructures(BaseModel):
    """Structures of one host, in the same cell.

    Attributes
    ----------
    cell
        Lattice vectors, Å.
    reference
        Reference as it was given.
    answer
        Sample of rank 0 at the end; None without one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: tuple[tuple[float, float, float], ...]
    reference: Sites
    answer: Sites | None = None

    @classmethod
    def from_samples(cls, reference: StructureBatch, samples: StructureBatch) -> HostStructures:
        """Take the reference and the answer among the samples of its host."""
        answers = (
            np.flatnonzero(samples.scalars["rank"] == 0)
            if "rank" in samples.scalars
            else np.array([])
        )
        return cls(
            cell=tuple((x, y, z) for x, y, z in reference.cells[0].tolist()),
            reference=Sites.from_structure(reference),
            answer=Sites.from_structure(samples[int(answers[0])]) if len(answers) else None,
        )

    def list_structures(self, label: str) -> list[StructureBatch]:
        """Return the reference, and the answer if there is one."""
        cell = np.array(self.cell)
        known = [self.reference, *([] if self.answer is None else [self.answer])]
        return [sites.to_structure(cell, label) for sites in known]
