"""Which samples leave the relaxation, and as what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.relaxation.guards import (
    CHECK_EVERY,
    find_closest_contacts,
    find_implausible_energies,
    find_implausible_forces,
)
from aiida_hpaint.science.relaxation.ragged import find_sites
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.ledger import Ledger
    from aiida_hpaint.science.settings import RelaxationSettings
    from aiida_hpaint.science.structures.batch import StructureBatch
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

Outcomes = dict[int, tuple[SampleStatus, str | None]]
"""SampleStatus and message of samples that leave, by their place among the active ones."""


@dataclass(frozen=True)
class EvaluatedSamples:
    """What is known of the A active samples after an evaluation.

    Attributes
    ----------
    rows : (A,) integers
        Their rows in the batch.
    steps : (A,) integers
        Optimiser steps they have taken in this stage.
    energies : (A,) floats
        In eV.
    earlier : (A,) floats
        Energy at the first check of the distances, NaN before.
    forces : (M, 3) floats
        On their moving sites, in eV/Å.
    strongest : (A,) floats
        Largest force on a moving site.
    errors : mapping of place to message
        Samples that the potential could not evaluate.
    """

    rows: IntArray
    steps: IntArray
    energies: FloatArray
    earlier: FloatArray
    forces: FloatArray
    strongest: FloatArray
    errors: dict[int, str]


@dataclass
class StoppingCriteria:
    """Judges samples by themselves and beside the samples of their own host, nothing else.

    Attributes
    ----------
    batch, settings, ledger
        What is relaxed, how, and what is known of it.
    hosts : (S,) integers
        A number below S for the host of each sample.
    moving : (N,) booleans
        Sites that move.
    moving_counts : (S,) integers
        How many each sample has.
    lowest_energy : float or None
        Of the potential, in eV per site.
    settled : (S,) floats
        Energies of samples that finished; NaN for all others.
    """

    batch: StructureBatch
    settings: RelaxationSettings
    ledger: Ledger
    hosts: IntArray
    moving: BoolArray
    moving_counts: IntArray
    lowest_energy: float | None
    settled: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.settled = np.full(len(self.batch), np.nan)

    def settle(self, row: int) -> None:
        """Take note of the energy of a sample that finished."""
        if self.ledger.status[row] in RELAXED:
            self.settled[row] = self.ledger.energy[row]

    def judge(self, evidence: EvaluatedSamples) -> Outcomes:
        """The samples that leave; broken comes before converged, converged before hopeless."""
        verdicts: Outcomes = {
            place: (SampleStatus.FAILED, message) for place, message in evidence.errors.items()
        }
        settles = evidence.strongest < self.settings.fmax
        ends = settles | (evidence.steps >= self.settings.max_steps)
        self._convict(verdicts, evidence, ends)
        above = self._hopeless(_remaining(verdicts, len(ends)), evidence)
        for place in np.flatnonzero(_remaining(verdicts, len(ends))):
            if settles[place]:
                verdicts[int(place)] = (SampleStatus.CONVERGED, None)
            elif above[place]:
                verdicts[int(place)] = (SampleStatus.HIGHER_IN_ENERGY, None)
            elif ends[place]:
                verdicts[int(place)] = (SampleStatus.NOT_CONVERGED, None)
        return verdicts

    def review(self) -> None:
        """Look once more at the finished samples of hosts that no check has seen."""
        open_hosts = {self.hosts[row] for row, status in enumerate(self.ledger.status)
                      if status is SampleStatus.UNFINISHED}  # fmt: skip
        rows = np.flatnonzero(~np.isnan(self.settled))
        rows = rows[[host not in open_hosts for host in self.hosts[rows]]]
        self._dismiss(rows[self._low(rows, self.settled[rows], np.full(len(rows), np.nan))])

    def _convict(self, verdicts: Outcomes, evidence: EvaluatedSamples, ends: BoolArray) -> None:
        """Add the verdicts on samples that are broken."""
        rows, steps = evidence.rows, evidence.steps
        lost = ~(np.isfinite(evidence.energies) & np.isfinite(evidence.strongest))
        _add(
            verdicts,
            lost,
            SampleStatus.NOT_A_NUMBER,
            "the potential returned NaN or infinity",
            steps,
        )
        wild = find_implausible_forces(np.nan_to_num(evidence.forces), self.moving_counts[rows])
        _add(verdicts, wild, SampleStatus.IMPLAUSIBLE_ENERGY, "a force beyond any chemistry", steps)
        if self.lowest_energy is not None:
            hole = evidence.energies < self.lowest_energy * self.batch.site_counts[rows]
            _add(
                verdicts,
                hole,
                SampleStatus.IMPLAUSIBLE_ENERGY,
                "an energy beyond any chemistry",
                steps,
            )
        checked = ends | ((steps > 0) & (steps % CHECK_EVERY == 0))
        _add(
            verdicts,
            self._collapsed(rows, checked),
            SampleStatus.COLLAPSED,
            "sites collapsed",
            steps,
        )
        low = self._too_low(verdicts, evidence)
        _add(verdicts, low, SampleStatus.IMPLAUSIBLE_ENERGY, "an energy below any chemistry", steps)

    def _collapsed(self, rows: IntArray, checked: BoolArray) -> BoolArray:
        collapsed = np.zeros(len(rows), dtype=np.bool_)
        if checked.any():
            chosen = rows[checked]
            sites = find_sites(self.batch.site_counts, chosen)
            closest = find_closest_contacts(
                self.batch.numbers[sites],
                self.ledger.frac[sites],
                self.batch.cells[chosen],
                self.batch.site_counts[chosen],
                self.moving[sites],
            )
            collapsed[checked] = closest < 1.0
        return collapsed

    def _too_low(self, verdicts: Outcomes, evidence: EvaluatedSamples) -> BoolArray:
        """Samples far below their host's others, once overlaps of the start have relaxed.

        Finished samples are judged again with them: one that fell into a hole at once must not
        stay as the best of its host.
        """
        ripe = _remaining(verdicts, len(evidence.rows)) & (evidence.steps >= CHECK_EVERY)
        rows = evidence.rows[ripe]
        finished = np.flatnonzero(~np.isnan(self.settled) & np.isin(self.hosts, self.hosts[rows]))
        low = self._low(
            np.concatenate([rows, finished]),
            np.concatenate([evidence.energies[ripe], self.settled[finished]]),
            np.concatenate([evidence.earlier[ripe], np.full(len(finished), np.nan)]),
        )
        self._dismiss(finished[low[len(rows) :]])
        result = np.zeros(len(ripe), dtype=np.bool_)
        result[ripe] = low[: len(rows)]
        return result

    def _low(self, rows: IntArray, energies: FloatArray, earlier: FloatArray) -> BoolArray:
        return find_implausible_energies(
            energies, self.moving_counts[rows], self.hosts[rows], earlier
        )

    def _dismiss(self, rows: IntArray) -> None:
        """Take back that samples finished well."""
        for row in rows:
            self.settled[row] = np.nan
            message = "an energy below any chemistry beside the other samples of the host"
            self.ledger.close(int(row), SampleStatus.IMPLAUSIBLE_ENERGY, message)

    def _hopeless(self, sane: BoolArray, evidence: EvaluatedSamples) -> BoolArray:
        """Samples too far above the best of their host at the same step."""
        rows, energies = evidence.rows, evidence.energies
        if self.settings.give_up_above is None:
            return np.zeros(len(rows), dtype=np.bool_)
        best = np.full(len(self.batch), np.inf)
        finished = np.flatnonzero(~np.isnan(self.settled))
        np.minimum.at(best, self.hosts[finished], self.settled[finished])
        np.minimum.at(best, self.hosts[rows[sane]], energies[sane])
        late = evidence.steps >= max(self.settings.give_up_after, CHECK_EVERY)
        limit = best[self.hosts[rows]] + self.settings.give_up_above
        above: BoolArray = late & sane & (energies > limit)
        return above


def _remaining(verdicts: Outcomes, size: int) -> BoolArray:
    """(size,) True for the places without a verdict."""
    remaining = np.ones(size, dtype=np.bool_)
    remaining[list(verdicts)] = False
    return remaining


def _add(
    verdicts: Outcomes, chosen: BoolArray, status: SampleStatus, message: str, steps: IntArray
) -> None:
    for place in np.flatnonzero(chosen):
        verdicts.setdefault(int(place), (status, f"{message} after {int(steps[place])} steps"))
