"""Structures after an exchange, before any relaxation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.training.data import TrainingCrystal
from aiida_hpaint.science.exchange.groups import group_of, towards
from aiida_hpaint.science.exchange.settings import Swap
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import number_of
from aiida_hpaint.science.structures.images import NEIGHBOURS
from aiida_hpaint.science.structures.status import SampleStatus

REACH = 3.5
"""Å, within which sites turn a group away from them."""


@dataclass(frozen=True)
class Blank:
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
        leaving = int((self.crystal.numbers == number_of(self.swap.take)).sum())
        return len(self.crystal.numbers) + leaving * (len(group_of(self.swap.put)[0]) - 1)


def build(blank: Blank, scale: float, jiggle: float) -> StructureBatch:
    """The structure after the exchange in a cell whose edges are scaled; groups keep their size.

    Parameters
    ----------
    scale
        Of the cell's edges; the same random numbers are drawn whatever it is.
    jiggle
        Å, standard deviation of a random displacement of all sites.
    """
    crystal = blank.crystal
    cell = crystal.cell * scale
    rng = np.random.default_rng(blank.seed)
    leaving = crystal.numbers == number_of(blank.swap.take)
    numbers, positions = [crystal.numbers[~leaving]], [(crystal.frac @ cell)[~leaving]]
    elements, shape = group_of(blank.swap.put)
    for site in np.flatnonzero(leaving):
        rotation = towards(_outwards(cell, crystal.frac, int(site)), rng)
        numbers.append(elements)
        positions.append(crystal.frac[site] @ cell + shape @ rotation.T)
    return _batch(blank, cell, np.concatenate(numbers), np.vstack(positions), jiggle, rng)


def _outwards(
    cell: NDArray[np.float64], frac: NDArray[np.float64], site: int
) -> NDArray[np.float64]:
    """(3,) direction from a site away from its neighbours, the nearest of which count most."""
    shift = frac - frac[site]
    shift = shift - np.round(shift)
    vectors = ((shift[:, None] + NEIGHBOURS) @ cell).reshape(-1, 3)
    lengths = np.linalg.norm(vectors, axis=1)
    near = (lengths > 0.1) & (lengths < REACH)
    return np.asarray(-(vectors[near] / lengths[near, None] ** 3).sum(axis=0))


def _batch(
    blank: Blank,
    cell: NDArray[np.float64],
    numbers: NDArray[np.int64],
    positions: NDArray[np.float64],
    jiggle: float,
    rng: np.random.Generator,
) -> StructureBatch:
    moved = positions + jiggle * rng.normal(size=positions.shape)
    return StructureBatch(
        labels=(blank.label,),
        cells=cell[None],
        site_counts=np.array([len(numbers)]),
        numbers=numbers,
        frac_coords=moved @ np.linalg.inv(cell),
        inserted=np.ones(len(numbers), dtype=np.bool_),
        scalars={"status": np.array([SampleStatus.SAMPLED.value])},
    )
