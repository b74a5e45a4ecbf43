"""Structures after an exchange, before any relaxation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.substitution.groups import get_group_atoms, random_rotation_to
from aiida_hpaint.science.substitution.settings import Swap

_REACH = 3.5
"""Å, within which sites turn a group away from them."""


@dataclass(frozen=True)
class Candidate:
    """A structure in which the sites that leave are marked.

    Attributes
    ----------
    label : name of the result.
    crystal : the structure as it was.
    swap : what is exchanged.
    seed : of the random numbers of this structure alone.
    """

    label: str
    crystal: TrainingCrystal
    swap: Swap
    seed: tuple[int, ...]

    @property
    def sites(self) -> int:
        """Number of sites after the exchange."""
        leaving = int((self.crystal.numbers == get_atomic_number(self.swap.take)).sum())
        return len(self.crystal.numbers) + leaving * (len(get_group_atoms(self.swap.put)[0]) - 1)


def build_structure(blank: Candidate, scale: float, rattle: float) -> StructureBatch:
    """The structure after the exchange in a cell whose edges are scaled; groups keep their size.

    Parameters
    ----------
    scale
        Of the cell's edges; the same random numbers are drawn whatever it is.
    rattle
        Å, standard deviation of a random displacement of all sites.
    """
    crystal = blank.crystal
    cell = crystal.cell * scale
    rng = np.random.default_rng(blank.seed)
    leaving = crystal.numbers == get_atomic_number(blank.swap.take)
    numbers, positions = [crystal.numbers[~leaving]], [(crystal.frac @ cell)[~leaving]]
    elements, shape = get_group_atoms(blank.swap.put)
    for site in np.flatnonzero(leaving):
        rotation = random_rotation_to(_outwards(cell, crystal.frac, int(site)), rng)
        numbers.append(elements)
        positions.append(crystal.frac[site] @ cell + shape @ rotation.T)
    return _batch(blank, cell, np.concatenate(numbers), np.vstack(positions), rattle, rng)


def _outwards(
    cell: NDArray[np.float64], frac: NDArray[np.float64], site: int
) -> NDArray[np.float64]:
    """(3,) direction from a site away from its neighbours, the nearest of which count most."""
    shift = frac - frac[site]
    shift = shift - np.round(shift)
    vectors = ((shift[:, None] + NEIGHBOURS) @ cell).reshape(-1, 3)
    lengths = np.linalg.norm(vectors, axis=1)
    near = (lengths > 0.1) & (lengths < _REACH)
    return np.asarray(-(vectors[near] / lengths[near, None] ** 3).sum(axis=0))


def _batch(
    blank: Candidate,
    cell: NDArray[np.float64],
    numbers: NDArray[np.int64],
    positions: NDArray[np.float64],
    rattle: float,
    rng: np.random.Generator,
) -> StructureBatch:
    moved = positions + rattle * rng.normal(size=positions.shape)
    return StructureBatch(
        labels=(blank.label,),
        cells=cell[None],
        site_counts=np.array([len(numbers)]),
        numbers=numbers,
        frac_coords=moved @ np.linalg.inv(cell),
        inserted=np.ones(len(numbers), dtype=np.bool_),
        scalars={"status": np.array([SampleStatus.SAMPLED.value])},
    )
