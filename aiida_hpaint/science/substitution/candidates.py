"""Structures after a substitution, before any relaxation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.substitution.groups import get_group_atoms, random_rotation_to
from aiida_hpaint.science.substitution.settings import Swap
from aiida_hpaint.science.types import FloatArray

_REACH = 3.5
"""Å, radius within which neighbours repel an inserted group."""


@dataclass(frozen=True)
class Candidate:
    """A structure and the substitution to apply to it.

    Attributes
    ----------
    label : name of the result.
    crystal : structure before the substitution.
    swap : which element is replaced by what.
    seed : seed of the random numbers of this structure.
    """

    label: str
    crystal: TrainingCrystal
    swap: Swap
    seed: tuple[int, ...]

    @property
    def sites(self) -> int:
        """Number of sites after the substitution."""
        leaving = int((self.crystal.numbers == self.swap.taken).sum())
        return len(self.crystal.numbers) + leaving * (len(get_group_atoms(self.swap.put)[0]) - 1)


def build_structure(candidate: Candidate, scale: float, rattle: float) -> StructureBatch:
    """Apply a substitution in a scaled cell; inserted groups keep their size.

    Parameters
    ----------
    scale
        Factor of the cell's edges. It does not change which random numbers are used.
    rattle
        Å, standard deviation of a random displacement of all sites.
    """
    crystal = candidate.crystal
    cell = crystal.cell * scale
    rng = np.random.default_rng(candidate.seed)
    leaving = crystal.numbers == candidate.swap.taken
    numbers, positions = [crystal.numbers[~leaving]], [(crystal.frac @ cell)[~leaving]]
    elements, shape = get_group_atoms(candidate.swap.put)
    for site in np.flatnonzero(leaving):
        rotation = random_rotation_to(_direction_outwards(cell, crystal.frac, int(site)), rng)
        numbers.append(elements)
        positions.append(crystal.frac[site] @ cell + shape @ rotation.T)
    moved = np.vstack(positions)
    moved += rattle * rng.normal(size=moved.shape)
    count = len(moved)
    return StructureBatch(
        labels=(candidate.label,),
        cells=cell[None],
        site_counts=np.array([count]),
        numbers=np.concatenate(numbers),
        frac_coords=moved @ np.linalg.inv(cell),
        inserted=np.ones(count, dtype=np.bool_),
        scalars={"status": np.array([SampleStatus.SAMPLED.value])},
    )


def _direction_outwards(cell: FloatArray, frac: FloatArray, site: int) -> FloatArray:
    """Return the direction (3,) away from the neighbours of a site, near ones weighted most."""
    shift = frac - frac[site]
    shift = shift - np.round(shift)
    vectors = ((shift[:, None] + NEIGHBOURS) @ cell).reshape(-1, 3)
    lengths = np.linalg.norm(vectors, axis=1)
    near = (lengths > 0.1) & (lengths < _REACH)
    return np.asarray(-(vectors[near] / lengths[near, None] ** 3).sum(axis=0))
