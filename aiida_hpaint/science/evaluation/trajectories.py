"""Distances of inserted sites from their final or reference positions along trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from numpy.typing import NDArray
from pymatgen.core import Lattice
from scipy.optimize import linear_sum_assignment

from aiida_hpaint.science.evaluation.equivalence import (
    assign_sites,
    compute_site_distances,
    find_host_symmetry,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Recording, Trajectory
from aiida_hpaint.science.types import FloatArray

SAME_LENGTH = 0.05
"""Largest relative difference of the edges of the cells of a host and of its reference."""

SAME_ANGLE = 3.0
"""Largest difference of their angles, degrees."""

SAME_SITE = 1.0
"""Largest distance of a host site from its site in the reference, Å."""


@dataclass(frozen=True)
class Deviations:
    """Root mean square distances of the inserted sites of R samples, along F steps.

    Attributes
    ----------
    steps : (F + 1,)
        Number of steps done, from 0.
    times : (F + 1,)
        Diffusion time after these steps; NaN for schemes in which it goes up and down.
    positions : (R, F + 1)
        RMS distances of the positions, Å.
    means : (R, F + 1)
        RMS distances of the predicted means, Å; NaN at step 0 and after jumps back up.
    """

    steps: NDArray[np.int64]
    times: FloatArray
    positions: FloatArray
    means: FloatArray


def compute_deviations(recording: Recording, reference: StructureBatch | None = None) -> Deviations:
    """Compute distances from the reference, or without one from the end of each sample.

    Sites of one element are exchanged, periodic images and equivalent arrangements in the host
    chosen, so that distances are smallest; the arrangement is the one closest to the sample's end.
    As in figure 4 of Reents et al. (arXiv:2601.01959), in Å.

    Parameters
    ----------
    reference
        One structure: the host with its inserted sites, in the cell of the host, sites in any
        order.

    Raises
    ------
    ValueError
        If the reference does not belong to the host.
    """
    rows = [_trace_sample(recording, row, reference) for row in range(len(recording))]
    trajectory = recording.trajectory
    return Deviations(
        steps=np.append(0, trajectory.steps),
        times=_list_times(trajectory),
        positions=np.stack([positions for positions, _ in rows]),
        means=np.stack([means for _, means in rows]),
    )


def find_reference_sites(sample: StructureBatch, reference: StructureBatch) -> FloatArray:
    """Find the (m, 3) fractional positions of the inserted sites of a sample in a reference.

    Both are batches of one structure. Host sites are assigned by their positions, and their common
    drift is removed.

    Raises
    ------
    ValueError
        If cell, composition or host sites differ.
    """
    _check_reference(sample, reference)
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


def _trace_sample(
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
        images = [found, *find_host_symmetry(sample).images(found)]
        target = min(images, key=lambda image: _compute_rmsd(cell, numbers, image, positions[-1]))
    of_means = [_compute_rmsd(cell, numbers, target, mean) for mean in means]
    of_positions = [_compute_rmsd(cell, numbers, target, position) for position in positions]
    return np.array(of_positions), np.array([np.nan, *of_means])


def _compute_rmsd(
    cell: FloatArray, numbers: NDArray[np.int64], target: FloatArray, frac: FloatArray
) -> float:
    if np.isnan(frac).any():
        return float("nan")
    return float(np.sqrt((assign_sites(cell, numbers, target, frac) ** 2).mean()))


def _list_times(trajectory: Trajectory) -> FloatArray:
    """Return the diffusion time after each number of steps; NaN where it does not only fall."""
    steps, times = trajectory.steps, trajectory.times
    if len(times) < 2 or trajectory.scheme == "repaint":
        return np.full(len(steps) + 1, np.nan)
    rate = (times[-1] - times[0]) / (steps[-1] - steps[0])
    after = times[0] + rate * (np.append(0, steps) - steps[0] + 1)
    return np.append(after[:-1], 0.0)


def _check_reference(sample: StructureBatch, reference: StructureBatch) -> None:
    label = f"{sample.labels[0]}: the reference '{reference.labels[0]}'"
    if sorted(sample.numbers.tolist()) != sorted(reference.numbers.tolist()):
        raise ValueError(
            f"{label} has other sites: {_format_formula(reference)}, not {_format_formula(sample)}"
        )
    ours, theirs = Lattice(sample.cells[0]), Lattice(reference.cells[0])
    lengths = np.abs(np.array(theirs.abc) / ours.abc - 1).max()
    angles = np.abs(np.array(theirs.angles) - ours.angles).max()
    if lengths > SAME_LENGTH or angles > SAME_ANGLE:
        raise ValueError(
            f"{label} has another cell, {_format_cell(theirs)} instead of {_format_cell(ours)}: "
            "give it in the cell of the host"
        )


def _format_formula(batch: StructureBatch) -> str:
    return str(Formula.from_list([chemical_symbols[n] for n in batch.numbers]).format("hill"))


def _format_cell(lattice: Lattice) -> str:
    lengths = " ".join(f"{length:.2f}" for length in lattice.abc)
    return f"{lengths} Å {' '.join(f'{angle:.0f}' for angle in lattice.angles)}°"
