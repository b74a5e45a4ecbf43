"""The relaxation in rounds: every active sample is evaluated, judged and moved once a round."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.relaxation.evaluator import Structures
from aiida_hpaint.science.relaxation.guards import CHECK_EVERY
from aiida_hpaint.science.relaxation.ragged import find_largest_norms, find_sites
from aiida_hpaint.science.relaxation.stopping import EvaluatedSamples, StoppingCriteria

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.evaluator import Evaluator
    from aiida_hpaint.science.relaxation.ledger import Ledger
    from aiida_hpaint.science.relaxation.optimizers import Optimizer
    from aiida_hpaint.science.settings import RelaxationSettings
    from aiida_hpaint.science.structures.batch import StructureBatch
    from aiida_hpaint.science.types import FloatArray, IntArray


@dataclass(frozen=True)
class Active:
    """The A samples that are being relaxed.

    Attributes
    ----------
    rows : (A,) integers
        Their rows in the batch.
    earlier : (A,) floats
        Energy (eV) at the first check of the distances, NaN before.
    state : state of the optimiser
        In the order of `rows`.
    """

    rows: IntArray
    earlier: FloatArray
    state: Any


@dataclass
class Rounds:
    """Relaxes samples in rounds, all samples of a host together.

    The samples of a host enter in the same round and take their steps in the same rounds, so
    'the best of the host at this step' is well defined whoever else is in the batch, and in
    which order: a sample's result depends on the samples of its own host alone.

    Attributes
    ----------
    batch, settings, evaluator, optimizer, ledger
        What is relaxed, how, with what, and the account of it.
    waiting : list of (K,) integers
        Rows of the samples of each host that has not been let in.
    hosts : (S,) integers
        A number below S for the host of each sample.
    lowest_energy : float or None
        Of the potential, in eV per site.
    """

    batch: StructureBatch
    settings: RelaxationSettings
    evaluator: Evaluator
    optimizer: Optimizer[Any]
    ledger: Ledger
    waiting: list[IntArray]
    hosts: IntArray
    lowest_energy: float | None
    active: Active = field(init=False)
    judge: StoppingCriteria = field(init=False)

    def __post_init__(self) -> None:
        self._moving = self.batch.inserted | (self.settings.moving == "all")
        owners = self.batch.owners[self._moving]
        self._moving_counts = np.bincount(owners, minlength=len(self.batch)).astype(np.int64)
        # A cell without volume is nobody's to relax: a row of NaN instead of an error for all.
        self._inverse = np.full_like(self.batch.cells, np.nan)
        none = np.zeros(0, dtype=np.int64)
        todo = np.concatenate([none, *self.waiting])
        self._inverse[todo] = np.linalg.inv(self.batch.cells[todo])
        self.active = Active(none, np.zeros(0), self.optimizer.init(none))
        self.judge = StoppingCriteria(
            self.batch,
            self.settings,
            self.ledger,
            self.hosts,
            self._moving,
            self._moving_counts,
            self.lowest_energy,
        )
        # What finished in an earlier, interrupted call still counts beside the others.
        for row in np.setdiff1d(np.arange(len(self.batch)), todo):
            self.judge.settle(int(row))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return not self.waiting and len(self.active.rows) == 0

    def evaluate(self) -> FloatArray:
        """Let samples in, evaluate, judge; returns the forces on the survivors' moving sites."""
        self._refill()
        evidence = self._evidence()
        self.ledger.note(evidence.rows, evidence.energies, evidence.strongest)
        verdicts = self.judge.judge(evidence)
        for place, (status, message) in verdicts.items():
            row = int(evidence.rows[place])
            self.ledger.close(row, status, message)
            self.judge.settle(row)
        survivors = np.setdiff1d(np.arange(len(evidence.rows)), np.array([*verdicts], dtype=int))
        forces = evidence.forces[find_sites(self._moving_counts[evidence.rows], survivors)]
        first = (evidence.steps >= CHECK_EVERY) & np.isnan(evidence.earlier)
        earlier = np.where(first, evidence.energies, evidence.earlier)
        self.active = replace(self.active, earlier=earlier)
        self._keep(survivors)
        return forces

    def move(self, forces: FloatArray) -> None:
        """One step of the optimiser for all active samples."""
        rows = self.active.rows
        state, moves = self.optimizer.step(self.active.state, forces)
        sites = find_sites(self.batch.site_counts, rows)
        movers = sites[self._moving[sites]]
        inverse = np.repeat(self._inverse[rows], self._moving_counts[rows], axis=0)
        self.ledger.frac[movers] += np.einsum("na,nab->nb", moves, inverse)
        self.ledger.steps[rows] += 1
        self.active = replace(self.active, state=state)

    def stop(self) -> None:
        """Mark everything that has not finished."""
        for rows in [self.active.rows, *self.waiting]:
            for row in rows:
                self.ledger.leave(int(row))
        self.waiting = []
        self._keep(np.zeros(0, dtype=np.int64))

    def _evidence(self) -> EvaluatedSamples:
        """Evaluate the active samples."""
        rows = self.active.rows
        sites = find_sites(self.batch.site_counts, rows)
        energies, forces, errors = self.evaluator.evaluate(self._structures(rows, sites))
        pushed = forces[self._moving[sites]]
        return EvaluatedSamples(
            rows=rows,
            steps=self.ledger.steps[rows],
            energies=energies,
            earlier=self.active.earlier,
            forces=pushed,
            strongest=find_largest_norms(pushed, self._moving_counts[rows]),
            errors=errors,
        )

    def _structures(self, rows: IntArray, sites: IntArray) -> Structures:
        counts = self.batch.site_counts[rows]
        cells = self.batch.cells[rows]
        frac = self.ledger.frac[sites]
        positions = np.einsum("na,nab->nb", frac, np.repeat(cells, counts, axis=0))
        return Structures(self.batch.numbers[sites], positions, cells, counts)

    def _refill(self) -> None:
        """Let the next hosts in while there is room."""
        counts = self.batch.site_counts
        while self.waiting:
            sites = counts[self.active.rows].sum() + counts[self.waiting[0]].sum()
            if len(self.active.rows) > 0 and sites > self.evaluator.max_sites:
                return
            rows = self.waiting.pop(0)
            fresh = self.optimizer.init(self._moving_counts[rows])
            self.active = Active(
                np.concatenate([self.active.rows, rows]),
                np.concatenate([self.active.earlier, np.full(len(rows), np.nan)]),
                self.optimizer.join(self.active.state, fresh),
            )

    def _keep(self, places: IntArray) -> None:
        self.active = Active(
            self.active.rows[places],
            self.active.earlier[places],
            self.optimizer.select(self.active.state, places),
        )
