"""When a sample leaves the relaxation, and with which status."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.relaxation.guards import (
    CHECK_EVERY,
    find_closest_contacts,
    find_implausible_energies,
    find_implausible_forces,
)
from aiida_hpaint.science.relaxation.ragged import list_site_indices
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.cells import CellVariables
    from aiida_hpaint.science.relaxation.ledger import Ledger
    from aiida_hpaint.science.settings import RelaxationSettings
    from aiida_hpaint.science.structures.batch import StructureBatch
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

_Outcomes = dict[int, tuple[SampleStatus, str | None]]
"""Status and message of samples that leave, by their index among the active samples."""


@dataclass(frozen=True)
class EvaluatedSamples:
    """The A active samples after an evaluation.

    Attributes
    ----------
    rows : (A,) integers
        Rows of the samples in the batch.
    steps : (A,) integers
        Optimiser steps taken in this stage.
    is_first : (A,) booleans
        Whether this is the first evaluation in this stage, of interrupted calls too.
    energies : (A,) floats
        Energies in eV.
    expected : (A,) floats
        Energies less what the forces promise to release, in eV; see `settings.screen`.
    earlier : (A,) floats
        Energy at the first check of the distances in eV, NaN before.
    forces : (M, 3) floats
        Forces on the moving sites in eV/Å.
    max_forces : (A,) floats
        Largest force on a moving site in eV/Å.
    stresses : (A, 3, 3) floats or None
        In eV/Å³; None where cells are fixed.
    max_stresses : (A,) floats
        Largest component of the stress that may still change the cell in GPa; 0 where it is fixed.
    errors : mapping of index to message
        Samples that the potential could not evaluate.
    """

    rows: IntArray
    steps: IntArray
    is_first: BoolArray
    energies: FloatArray
    expected: FloatArray
    earlier: FloatArray
    forces: FloatArray
    max_forces: FloatArray
    stresses: FloatArray | None
    max_stresses: FloatArray
    errors: dict[int, str]


@dataclass
class StoppingCriteria:
    """Criteria of convergence and plausibility, within one sample and among those of one host.

    Attributes
    ----------
    batch, settings, ledger
        Samples, settings of the stage, and results so far.
    hosts : (S,) integers
        Number below S that identifies the host of each sample.
    cells
        The cells and what of them relaxes.
    moving : (N,) booleans
        True for sites that move.
    moving_counts : (S,) integers
        Number of moving sites of each sample.
    lowest_energy : float or None
        Lowest plausible energy of the potential, in eV per site.
    finished : (S,) floats
        Energies (eV) of samples that finished with a plausible energy; NaN for all others.
    """

    batch: StructureBatch
    settings: RelaxationSettings
    ledger: Ledger
    hosts: IntArray
    cells: CellVariables
    moving: BoolArray
    moving_counts: IntArray
    lowest_energy: float | None
    finished: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.finished = np.full(len(self.batch), np.nan)

    def add_finished(self, row: int) -> None:
        """Remember the energy of a sample that finished, to compare others of its host with it."""
        if self.ledger.status[row] in RELAXED:
            self.finished[row] = self.ledger.energy[row]

    def find_outcomes(self, samples: EvaluatedSamples) -> _Outcomes:
        """Return the samples that leave; where several criteria apply, the first one counts.

        The order is: failed, implausible, converged, too high in energy or screened out, out of
        steps.
        """
        outcomes: _Outcomes = {
            index: (SampleStatus.FAILED, message) for index, message in samples.errors.items()
        }
        is_converged = samples.max_forces < self.settings.fmax
        is_converged &= samples.max_stresses < self.settings.smax
        is_last = is_converged | (samples.steps >= self.settings.max_steps)
        self._add_implausible(outcomes, samples, is_last)
        is_left = _find_remaining(outcomes, len(is_last))
        is_high = self._find_high_energies(is_left, samples)
        is_high |= self._find_unpromising(is_left, samples)
        for index in np.flatnonzero(is_left):
            if is_converged[index]:
                outcomes[int(index)] = (SampleStatus.CONVERGED, None)
            elif is_high[index]:
                outcomes[int(index)] = (SampleStatus.HIGHER_IN_ENERGY, None)
            elif is_last[index]:
                outcomes[int(index)] = (SampleStatus.NOT_CONVERGED, None)
        return outcomes

    def recheck_finished(self) -> None:
        """Compare the finished samples of each host once more, after the last round.

        Samples that finish before the first check of the distances were never compared. Hosts with
        unfinished samples are left to the call that continues them.
        """
        unfinished = {
            self.hosts[row]
            for row, status in enumerate(self.ledger.status)
            if status is SampleStatus.UNFINISHED
        }
        rows = np.flatnonzero(~np.isnan(self.finished))
        rows = rows[[host not in unfinished for host in self.hosts[rows]]]
        earlier = np.full(len(rows), np.nan)
        self._reject_finished(rows[self._find_low_energies(rows, self.finished[rows], earlier)])

    def _add_implausible(
        self, outcomes: _Outcomes, samples: EvaluatedSamples, is_last: BoolArray
    ) -> None:
        """Add the samples that violate a guard; see `guards`."""
        rows, steps, energies = samples.rows, samples.steps, samples.energies

        def add(chosen: BoolArray, status: SampleStatus, message: str) -> None:
            for index in np.flatnonzero(chosen):
                outcomes.setdefault(
                    int(index), (status, f"{message} after {int(steps[index])} steps")
                )

        values = (energies, samples.max_forces, samples.max_stresses)
        is_infinite = ~np.asarray(np.isfinite(values).all(axis=0))
        add(is_infinite, SampleStatus.NOT_A_NUMBER, "the potential returned NaN or infinity")
        is_torn = find_implausible_forces(np.nan_to_num(samples.forces), self.moving_counts[rows])
        add(is_torn, SampleStatus.IMPLAUSIBLE_ENERGY, "an implausibly large force")
        if self.lowest_energy is not None:
            is_hole = energies < self.lowest_energy * self.batch.site_counts[rows]
            add(is_hole, SampleStatus.IMPLAUSIBLE_ENERGY, "an implausibly low energy per atom")
        is_flat = self.cells.find_overstretched(rows)
        add(is_flat, SampleStatus.FAILED, "the cell became twice or half as long along a direction")
        is_checked = is_last | ((steps > 0) & (steps % CHECK_EVERY == 0))
        is_collapsed = self._find_collapsed(rows, is_checked)
        add(is_collapsed, SampleStatus.COLLAPSED, "sites collapsed")
        is_low = self._compare_with_host(outcomes, samples)
        add(is_low, SampleStatus.IMPLAUSIBLE_ENERGY, "an energy that bonding cannot explain")

    def _find_collapsed(self, rows: IntArray, is_checked: BoolArray) -> BoolArray:
        collapsed = np.zeros(len(rows), dtype=np.bool_)
        if is_checked.any():
            chosen = rows[is_checked]
            sites = list_site_indices(self.batch.site_counts, chosen)
            closest = find_closest_contacts(
                self.batch.numbers[sites],
                self.ledger.frac[sites],
                self.ledger.cells[chosen],
                self.batch.site_counts[chosen],
                self.moving[sites],
            )
            collapsed[is_checked] = closest < 1.0
        return collapsed

    def _compare_with_host(self, outcomes: _Outcomes, samples: EvaluatedSamples) -> BoolArray:
        """Return (A,) True for energies far below those of the other samples of the host.

        Only samples whose initial overlaps have relaxed are compared. Finished samples are
        compared with them again: one that fell into a hole in its first steps must not stay the
        lowest of its host.
        """
        is_ready = _find_remaining(outcomes, len(samples.rows)) & (samples.steps >= CHECK_EVERY)
        rows = samples.rows[is_ready]
        finished = np.flatnonzero(~np.isnan(self.finished) & np.isin(self.hosts, self.hosts[rows]))
        is_low = self._find_low_energies(
            np.concatenate([rows, finished]),
            np.concatenate([samples.energies[is_ready], self.finished[finished]]),
            np.concatenate([samples.earlier[is_ready], np.full(len(finished), np.nan)]),
        )
        self._reject_finished(finished[is_low[len(rows) :]])
        result = np.zeros(len(is_ready), dtype=np.bool_)
        result[is_ready] = is_low[: len(rows)]
        return result

    def _find_low_energies(
        self, rows: IntArray, energies: FloatArray, earlier: FloatArray
    ) -> BoolArray:
        moving = self.moving_counts[rows]
        return find_implausible_energies(energies, moving, self.hosts[rows], earlier)

    def _reject_finished(self, rows: IntArray) -> None:
        """Change the status of samples that had finished with what turns out to be a hole."""
        for row in rows:
            self.finished[row] = np.nan
            message = "an energy that bonding cannot explain beside the other samples of the host"
            self.ledger.close(int(row), SampleStatus.IMPLAUSIBLE_ENERGY, message)

    def _find_high_energies(self, is_left: BoolArray, samples: EvaluatedSamples) -> BoolArray:
        """Return (A,) True for samples too far above the lowest of their host at this step."""
        rows, energies = samples.rows, samples.energies
        if self.settings.give_up_above is None:
            return np.zeros(len(rows), dtype=np.bool_)
        lowest = np.full(len(self.batch), np.inf)
        finished = np.flatnonzero(~np.isnan(self.finished))
        np.minimum.at(lowest, self.hosts[finished], self.finished[finished])
        np.minimum.at(lowest, self.hosts[rows[is_left]], energies[is_left])
        is_late = samples.steps >= max(self.settings.give_up_after, CHECK_EVERY)
        limit = lowest[self.hosts[rows]] + self.settings.give_up_above
        is_high: BoolArray = is_late & is_left & (energies > limit)
        return is_high

    def _find_unpromising(self, is_left: BoolArray, samples: EvaluatedSamples) -> BoolArray:
        """Return (A,) True for samples that `screen` ends after their first evaluation."""
        unpromising = np.zeros(len(samples.rows), dtype=np.bool_)
        if self.settings.screen is None:
            return unpromising
        first = np.flatnonzero(is_left & samples.is_first)
        hosts = self.hosts[samples.rows[first]]
        for host in np.unique(hosts):
            members = first[hosts == host]
            share = math.ceil(self.settings.screen * len(members))
            order = np.argsort(samples.expected[members], kind="stable")
            unpromising[members[order[max(share, self.settings.screen_least) :]]] = True
        return unpromising


def _find_remaining(outcomes: _Outcomes, size: int) -> BoolArray:
    """Return (size,) True for the samples without an outcome."""
    remaining = np.ones(size, dtype=np.bool_)
    remaining[list(outcomes)] = False
    return remaining
