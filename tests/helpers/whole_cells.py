"""Whole cells by gemmi, and how far they are from ours."""

from __future__ import annotations

import gemmi
import numpy as np
from gemmi import cif

from aiida_hpaint.science.structures import StructureBatch


def read_small(text: str) -> gemmi.SmallStructure:
    """Return the only structure of a CIF as gemmi reads it."""
    return gemmi.make_small_structure_from_block(cif.read_string(text).sole_block())


def find_largest_distance(text: str, batch: StructureBatch) -> float:
    """Return the largest distance (Å) of a site of a CIF, expanded by gemmi, to one of a batch.

    Infinite where the numbers of sites of an element differ.
    """
    sites = read_small(text).get_all_unit_cell_sites()
    numbers = np.array([site.element.atomic_number for site in sites])
    frac = np.array([site.fract.tolist() for site in sites])
    farthest = 0.0
    for number in np.unique(np.concatenate([numbers, batch.numbers])):
        ours, theirs = batch.frac_coords[batch.numbers == number], frac[numbers == number]
        if len(ours) != len(theirs):
            return float("inf")
        shifts = ours[:, None] - theirs
        lengths = np.linalg.norm((shifts - np.rint(shifts)) @ batch.cells[0], axis=-1)
        farthest = max(farthest, lengths.min(0).max(), lengths.min(1).max())
    return farthest
