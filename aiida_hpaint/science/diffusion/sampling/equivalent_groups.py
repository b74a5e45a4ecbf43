"""Groups of H in geometric positions that operations of their host map onto each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.diffusion.sampling.generators import SampleRequest
from aiida_hpaint.science.structures.geometric import GeometricGroup
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray, IntArray

TOLERANCE = 0.05
"""Distance in Å within which an operation has to map sites of the host onto others."""

REACHED = 0.2
"""Distance in Å within which an image of an atom is another one."""


@dataclass(frozen=True)
class EquivalentGroups:
    """A group and those that operations map it onto.

    Attributes
    ----------
    first
        The group that is placed.
    others
        The groups that follow.
    rotations : (k, 3, 3)
        Matrices that turn fractional vectors of the first group to those of each other one.
    """

    first: GeometricGroup
    others: tuple[GeometricGroup, ...]
    rotations: FloatArray

    @property
    def parents(self) -> IntArray:
        """(k + 1,) the atoms that carry the groups."""
        return np.array([self.first.parent, *(group.parent for group in self.others)])

    def repeat(self, positions: FloatArray, frac: FloatArray) -> FloatArray:
        """Return the (..., k + 1, n, 3) H of all groups for those of the first, (..., n, 3).

        Positions are fractional, and `frac` are those of all sites, the parents included.
        """
        bonds = positions - frac[self.first.parent]
        turns = np.concatenate([np.eye(3)[None], self.rotations])
        turned = np.einsum("kab,...nb->...kna", turns, bonds)
        return np.asarray(turned + frac[self.parents][:, None])


def find_symmetry(request: SampleRequest) -> SymmetryOperations:
    """Return the operations of the known sites of a request, in its frame."""
    known = request.known
    cell, numbers, frac = request.frame.cell, request.numbers[known], request.frac[known]
    return SymmetryOperations.find(cell, numbers, frac, TOLERANCE)


def list_equivalent(
    groups: Sequence[GeometricGroup], frac: FloatArray, symmetry: SymmetryOperations | None
) -> list[EquivalentGroups]:
    """Return the groups with those that are equivalent to them, each group once.

    Without operations each stands alone. Where several map one group onto another, as on a mirror
    plane, the first by its matrix is taken, in whichever order they are listed.
    """
    left, found = list(groups), list[EquivalentGroups]()
    while left:
        first, *rest = left
        left, others, rotations = list[GeometricGroup](), list[GeometricGroup](), []
        for group in rest:
            turns = _find_rotations(first, group, frac, symmetry) if symmetry is not None else []
            if turns and len(group.sites) == len(first.sites):
                others.append(group)
                rotations.append(min(turns))
            else:
                left.append(group)
        matrices = np.array(rotations, dtype=np.float64).reshape(-1, 3, 3)
        found.append(EquivalentGroups(first, tuple(others), matrices))
    return found


def _find_rotations(
    first: GeometricGroup, other: GeometricGroup, frac: FloatArray, symmetry: SymmetryOperations
) -> list[list[float]]:
    """Return the matrices (9 numbers) of the operations that map one parent onto another."""
    images = symmetry.images(frac[[first.parent]])[:, 0]
    missed = images - frac[other.parent]
    missed = (missed - np.rint(missed)) @ symmetry.cell
    reached = np.linalg.norm(missed, axis=1) < REACHED
    return [turn.ravel().tolist() for turn in symmetry.rotations[reached]]
