"""Supercells of hosts, in which an inserted site is far from its periodic images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["find_multiples", "make_dilute"]

_ROUNDING = 1e-6


def find_multiples(cell: FloatArray, distance: float) -> IntArray:
    """Return (3,) how often a cell is repeated along each vector for images this far apart (Å).

    Lattice planes are then that far apart in all three directions, and so are all images.
    """
    spacings = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    repeats = np.ceil(distance / spacings - _ROUNDING)
    return np.asarray(np.maximum(1, repeats), dtype=np.int64)


def make_dilute(one: StructureBatch, distance: float) -> StructureBatch:
    """Return a supercell of one host in which images of a site are `distance` Å or more apart.

    The copies of a site follow each other. What the source says of its cell is left out; a note
    says so.
    """
    multiples = find_multiples(one.cells[0], distance)
    size = int(multiples.prod())
    if size == 1:
        return one
    shifts = np.stack(np.meshgrid(*map(np.arange, multiples), indexing="ij"), -1).reshape(-1, 3)
    shape = "x".join(map(str, multiples.tolist()))
    metadata = {key: value for key, value in one.metadata[0].items() if key != "record"}
    if "site_labels" in metadata:
        metadata["site_labels"] = [label for label in metadata["site_labels"] for _ in range(size)]
    note = (
        f"The host is repeated {shape} times, so that images of a site are {distance:g} Å or more "
        "apart; what its source says of the smaller cell is left out."
    )
    metadata["notes"] = [*metadata.get("notes", ()), note]
    return replace(
        one,
        cells=one.cells * multiples[None, :, None],
        site_counts=one.site_counts * size,
        numbers=np.repeat(one.numbers, size),
        frac_coords=((one.frac_coords[:, None] + shifts) / multiples).reshape(-1, 3),
        inserted=np.repeat(one.inserted, size),
        metadata=(metadata,),
    )
