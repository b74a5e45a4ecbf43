"""Comparison of a restored structure with a reference: StructureMatcher and distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.equivalence import (
    assign_sites,
    find_closest_distances,
    find_host_symmetry,
)
from aiida_hpaint.science.structures.batch import StructureBatch


@dataclass(frozen=True)
class Comparison:
    """Result of comparing a restored structure with a reference.

    Attributes
    ----------
    match
        Whether pymatgen's StructureMatcher with its defaults calls them the same.
    rmsd
        Root mean square displacement of all sites in units of (V / n_sites)^(1/3), None unless
        they match.
    site_distances : (m,) floats
        Distance in Å of each inserted site to its partner in the reference, for the assignment
        and the symmetry operation of the host that bring them closest, host drift removed.
    """

    match: bool
    rmsd: float | None
    site_distances: NDArray[np.float64]


def compare(candidate: StructureBatch, reference: StructureBatch) -> Comparison:
    """Compare two batches of one structure with the same host sites in the same order.

    Reents et al. (arXiv:2601.01959) count a prediction as a structural match by the same matcher.
    """
    rmsd = _find_rmsd(reference, candidate)
    return Comparison(rmsd is not None, rmsd, compute_inserted_distances(candidate, reference))


def is_match(candidate: StructureBatch, reference: StructureBatch) -> bool:
    """Return whether StructureMatcher with its defaults calls two structures the same."""
    return _find_rmsd(reference, candidate) is not None


def is_host_match(candidate: StructureBatch, reference: StructureBatch) -> bool:
    """Return whether two structures match without their inserted sites."""
    return _find_rmsd(reference, candidate, with_inserted=False) is not None


def compute_inserted_distances(
    candidate: StructureBatch, reference: StructureBatch
) -> NDArray[np.float64]:
    """Return the (m,) distances in Å between the inserted sites of two structures of one host."""
    ours = place_without_drift(candidate, reference)
    theirs = reference.frac_coords[reference.inserted]
    numbers = reference.numbers[reference.inserted]
    # Finding the symmetry takes long; sites this close need no other operation.
    direct = assign_sites(reference.cells[0], numbers, ours, theirs)
    if direct.max(initial=0.0) < 0.05:
        return direct
    return find_closest_distances(find_host_symmetry(reference), numbers, ours, theirs)


def place_without_drift(
    candidate: StructureBatch, reference: StructureBatch
) -> NDArray[np.float64]:
    """Return the (m, 3) fractional coordinates of inserted sites, the mean shift of host sites off.

    `reference` needs the same host sites in the same order; its inserted ones do not count.
    """
    shift = candidate.frac_coords[~candidate.inserted] - reference.frac_coords[~reference.inserted]
    drift = (shift - np.round(shift)).mean(0) if len(shift) else np.zeros(3)
    return np.asarray(candidate.frac_coords[candidate.inserted] - drift)


def _find_rmsd(
    left: StructureBatch, right: StructureBatch, with_inserted: bool = True
) -> float | None:
    """Return the displacement of two structures in units of (V / n_sites)^(1/3), or None."""
    from pymatgen.analysis.structure_matcher import StructureMatcher  # 0.3 s that few need
    from pymatgen.core import Lattice, Structure

    def convert(batch: StructureBatch) -> Structure:
        chosen = ~batch.inserted | with_inserted
        numbers, frac = batch.numbers[chosen], batch.frac_coords[chosen]
        return Structure(Lattice(batch.cells[0]), numbers.tolist(), frac)

    found = StructureMatcher().get_rms_dist(convert(left), convert(right))
    return None if found is None else float(found[0])
