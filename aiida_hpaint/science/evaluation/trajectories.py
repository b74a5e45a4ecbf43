"""deviations: how far sought sites are from where they belong, along their trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from numpy.typing import NDArray
from pymatgen.core import Lattice
from scipy.optimize import linear_sum_assignment

from aiida_hpaint.science.evaluation.equivalence import (
    HostSymmetry,
    assign_sites,
    compute_site_distances,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Recording, Trajectory
from aiida_hpaint.science.types import FloatArray

SAME_LENGTH = 0.05
"""Share by which edges of the cells of a host and of its reference may differ."""

SAME_ANGLE = 3.0
"""Degrees by which their angles may differ."""

SAME_SITE = 1.0
"""Å by which a site of the host may be elsewhere in the reference."""


@dataclass(frozen=True)
class Deviations:
    """Root mean square distances of the sought sites of R samples, along F steps.

    Attributes
    ----------
    steps : (F + 1,)
        Number of steps that were made, from 0.
    times : (F + 1,)
        Diffusion time then; NaN where it goes up and down.
    positions : (R, F + 1)
        Å, of the positions.
    means : (R, F + 1)
        Å, of the means; NaN at step 0 and after jumps back up.
    """

    steps: NDArray[np.int64]
    times: FloatArray
    positions: FloatArray
    means: FloatArray


def compute_deviations(recording: Recording, reference: StructureBatch | None = None) -> Deviations:
    """Distances from the reference, or of each sample from where it ended.

    Sites of one element are exchanged, periodic images and equivalent arrangements in the host
    chosen, so that distances are smallest; the arrangement is the one closest to the sample's end.
    As in figure 4 of Reents et al. (arXiv:2601.01959), in Å.

    Parameters
    ----------
    reference
        One structure: the host with its sought sites, in the host's cell, sites in any order.

    Raises
    ------
    ValueError
        If the reference is not of the host.
    """
    rows = [_along(recording, row, reference) for row in range(len(recording))]
    trajectory = recording.trajectory
    return Deviations(
        steps=np.append(0, trajectory.steps),
        times=_times(trajectory),
        positions=np.stack([positions for positions, _ in rows]),
        means=np.stack([means for _, means in rows]),
    )


def find_reference_sites(sample: StructureBatch, reference: StructureBatch) -> FloatArray:
    """(m, 3) where a reference has the inserted sites of a sample, fractional, in their order.

    Both are batches of one structure. Known sites are recognised by where they are, and what they
    moved together is taken off.

    Raises
    ------
    ValueError
        If cell, composition or known sites differ.
    """
    _check(sample, reference)
    known = np.flatnonzero(~sample.inserted)
    distances = compute_site_distances(
        sample.cells[0], sample.frac_coords[known], reference.frac_coords
    )
    other = sample.numbers[known][:, None] != reference.numbers[None]
    rows, columns = linear_sum_assignment(np.where(other, 1e6, distances**2))
    farthest = distances[rows, columns].max(initial=0.0)
    if farthest > SAME_SITE:
        raise ValueError(
            f"{sample.labels[0]}: a site of the host is {farthest:.1f} Å away in the reference "
            f"'{reference.labels[0]}': give it in the cell and with the origin of the host"
        )
    shifts = reference.frac_coords[columns] - sample.frac_coords[known[rows]]
    drift = (shifts - np.round(shifts)).mean(0) if len(known) else np.zeros(3)
    left = np.setdiff1d(np.arange(len(reference.numbers)), columns)
    wanted = np.argsort(sample.numbers[sample.inserted], kind="stable")
    found = np.empty((len(left), 3))
    found[wanted] = reference.frac_coords[left[np.argsort(reference.numbers[left], kind="stable")]]
    return np.asarray(found - drift)


def _along(
    recording: Recording, row: int, reference: StructureBatch | None
) -> tuple[FloatArray, FloatArray]:
    sample, trajectory = recording.samples[row], recording.trajectory
    sites = trajectory.sites(row)
    positions = trajectory.positions[:, sites].astype(np.float64)
    means = trajectory.means[:, sites].astype(np.float64)
    numbers, cell = sample.numbers[sample.inserted], sample.cells[0]
    target = positions[-1]
    if reference is not None:
        found = find_reference_sites(sample, reference)
        images = [found, *HostSymmetry.of(sample).images(found)]
        target = min(images, key=lambda image: _rmsd(cell, numbers, image, positions[-1]))
    of_means = [_rmsd(cell, numbers, target, mean) for mean in means]
    of_positions = [_rmsd(cell, numbers, target, position) for position in positions]
    return np.array(of_positions), np.array([np.nan, *of_means])


def _rmsd(
    cell: FloatArray, numbers: NDArray[np.int64], target: FloatArray, frac: FloatArray
) -> float:
    if np.isnan(frac).any():
        return float("nan")
    return float(np.sqrt((assign_sites(cell, numbers, target, frac) ** 2).mean()))


def _times(trajectory: Trajectory) -> FloatArray:
    """Time after each number of steps, where it falls evenly."""
    steps, times = trajectory.steps, trajectory.times
    if len(times) < 2 or trajectory.scheme == "repaint":
        return np.full(len(steps) + 1, np.nan)
    rate = (times[-1] - times[0]) / (steps[-1] - steps[0])
    after = times[0] + rate * (np.append(0, steps) - steps[0] + 1)
    return np.append(after[:-1], 0.0)


def _check(sample: StructureBatch, reference: StructureBatch) -> None:
    label = f"{sample.labels[0]}: the reference '{reference.labels[0]}'"
    if sorted(sample.numbers.tolist()) != sorted(reference.numbers.tolist()):
        raise ValueError(f"{label} has other sites: {_counted(reference)}, not {_counted(sample)}")
    ours, theirs = Lattice(sample.cells[0]), Lattice(reference.cells[0])
    lengths = np.abs(np.array(theirs.abc) / ours.abc - 1).max()
    angles = np.abs(np.array(theirs.angles) - ours.angles).max()
    if lengths > SAME_LENGTH or angles > SAME_ANGLE:
        raise ValueError(
            f"{label} has another cell, {_edges(theirs)} instead of {_edges(ours)}: "
            "give it in the cell of the host"
        )


def _counted(batch: StructureBatch) -> str:
    return str(Formula.from_list([chemical_symbols[n] for n in batch.numbers]).format("hill"))


def _edges(lattice: Lattice) -> str:
    lengths = " ".join(f"{length:.2f}" for length in lattice.abc)
    return f"{lengths} Å {' '.join(f'{angle:.0f}' for angle in lattice.angles)}°"
