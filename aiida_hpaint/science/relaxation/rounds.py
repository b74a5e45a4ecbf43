"""Rounds of a relaxation: each evaluates, checks and moves every active sample once.

Why not the batched optimisers of torch-sim: that package needs Python 3.12 or later, while this one
supports 3.10, and it does not compare samples of one host with each other, which giving up early
and the guards need.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.relaxation.cells import CellVariables
from aiida_hpaint.science.relaxation.evaluator import Structures
from aiida_hpaint.science.relaxation.guards import CHECK_EVERY
from aiida_hpaint.science.relaxation.optimizers.curvature import estimate_hessians
from aiida_hpaint.science.relaxation.ragged import find_largest_norms, list_site_indices
from aiida_hpaint.science.relaxation.stopping import EvaluatedSamples, StoppingCriteria

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.evaluator import Evaluator
    from aiida_hpaint.science.relaxation.ledger import Ledger
    from aiida_hpaint.science.relaxation.optimizers import Optimizer
    from aiida_hpaint.science.settings import RelaxationSettings
    from aiida_hpaint.science.structures.batch import StructureBatch
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Active:
    """The A samples that are currently relaxed.

    Attributes
    ----------
    rows : (A,) integers
        Rows of the samples in the batch.
    earlier : (A,) floats
        Energy (eV) at the first check of the distances, NaN before.
    state : state of the optimiser
        State in the order of `rows`.
    """

    rows: IntArray
    earlier: FloatArray
    state: Any


@dataclass
class Rounds:
    """Relaxes samples in rounds, all samples of a host together.

    The samples of a host enter in the same round and take their steps in the same rounds. So "the
    lowest of the host at this step" is well defined, and the result of a sample depends on the
    samples of its own host alone, not on which other hosts are in the batch or in which order.
    A whole host is let in when enough sites have left; the limit of sites holds for all others.

    Attributes
    ----------
    batch, settings, evaluator, optimizer, ledger
        Samples, settings, evaluator of the potential, optimiser, and results so far.
    waiting : list of (K,) integers
        Rows of the samples of each host that has not entered.
    hosts : (S,) integers
        Number below S that identifies the host of each sample.
    lowest_energy : float or None
        Lowest plausible energy of the potential, in eV per site.
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
    cells: CellVariables = field(init=False)
    criteria: StoppingCriteria = field(init=False)

    def __post_init__(self) -> None:
        self._moving = self.batch.inserted | (self.settings.moving == "all")
        owners = self.batch.owners[self._moving]
        self._moving_counts = np.bincount(owners, minlength=len(self.batch)).astype(np.int64)
        # Samples whose cell has no volume are not relaxed: NaN, since `inv` would fail for all.
        self._inverse = np.full_like(self.batch.cells, np.nan)
        none = np.zeros(0, dtype=np.int64)
        todo = np.concatenate([none, *self.waiting])
        self._inverse[todo] = np.linalg.inv(self.batch.cells[todo])
        self.active = Active(none, np.zeros(0), self.optimizer.init(none))
        self.cells = CellVariables(self.settings.cell, self.batch.cells, self.batch.site_counts)
        self.criteria = StoppingCriteria(
            self.batch,
            self.settings,
            self.ledger,
            self.hosts,
            self.cells,
            self._moving,
            self._moving_counts,
            self.lowest_energy,
        )
        # Samples that finished in an earlier, interrupted call are compared with all the same.
        for row in np.setdiff1d(np.arange(len(self.batch)), todo):
            self.criteria.add_finished(int(row))

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return not self.waiting and len(self.active.rows) == 0

    def evaluate(self) -> FloatArray:
        """Evaluate and check samples; return the forces on the variables of those that stay."""
        self._refill()
        samples = self._evaluate_active()
        self.ledger.add_evaluation(samples.rows, samples.energies, samples.max_forces)
        if self.cells.rows:
            self.ledger.max_stress[samples.rows] = samples.max_stresses
        outcomes = self.criteria.find_outcomes(samples)
        for index, (status, message) in outcomes.items():
            row = int(samples.rows[index])
            self.ledger.close(row, status, message)
            self.criteria.add_finished(row)
        staying = np.setdiff1d(np.arange(len(samples.rows)), np.array([*outcomes], dtype=int))
        counts = self._moving_counts[samples.rows]
        forces = self.cells.add_rows(
            samples.rows[staying],
            counts[staying],
            samples.forces[list_site_indices(counts, staying)],
            None if samples.stresses is None else samples.stresses[staying],
        )
        first = (samples.steps >= CHECK_EVERY) & np.isnan(samples.earlier)
        earlier = np.where(first, samples.energies, samples.earlier)
        self.active = replace(self.active, earlier=earlier)
        self._select(staying)
        return forces

    def move(self, forces: FloatArray) -> None:
        """Move all active samples by one step of the optimiser."""
        rows = self.active.rows
        counts = self._moving_counts[rows]
        state, moves = self.optimizer.step(self.active.state, forces)
        moves = self.cells.move(rows, counts, moves)
        sites = list_site_indices(self.batch.site_counts, rows)
        movers = sites[self._moving[sites]]
        # All sites follow the strain: fractional coordinates change by the moves alone.
        inverse = np.repeat(self._inverse[rows], counts, axis=0)
        self.ledger.frac[movers] += np.einsum("na,nab->nb", moves, inverse)
        if self.cells.rows:
            self.ledger.cells[rows] = self.cells.compute_cells(rows)
        self.ledger.steps[rows] += 1
        self.active = replace(self.active, state=state)

    def stop(self) -> None:
        """Mark all samples that have not finished."""
        for rows in [self.active.rows, *self.waiting]:
            for row in rows:
                self.ledger.mark_unfinished(int(row))
        self.waiting = []
        self._select(np.zeros(0, dtype=np.int64))

    def _evaluate_active(self) -> EvaluatedSamples:
        """Evaluate the active samples."""
        rows = self.active.rows
        sites = list_site_indices(self.batch.site_counts, rows)
        found, errors = self.evaluator.evaluate(self._structures(rows, sites))
        moving_forces = found.forces[self._moving[sites]]
        is_first = ~self.ledger.evaluated[rows]
        return EvaluatedSamples(
            rows=rows,
            steps=self.ledger.steps[rows],
            is_first=is_first,
            energies=found.energies,
            expected=found.energies - self._expect_release(moving_forces, is_first),
            earlier=self.active.earlier,
            forces=moving_forces,
            max_forces=find_largest_norms(moving_forces, self._moving_counts[rows]),
            stresses=found.stresses,
            max_stresses=self.cells.find_largest_stresses(found.stresses, rows),
            errors=errors,
        )

    def _expect_release(self, forces: FloatArray, is_first: BoolArray) -> FloatArray | float:
        """Return what the active samples promise to release, eV; 0 if none is to be screened."""
        if self.settings.screen is None or not is_first.any():
            return 0.0
        return self.optimizer.expect_release(self.active.state, np.nan_to_num(forces))

    def _structures(self, rows: IntArray, sites: IntArray) -> Structures:
        counts = self.batch.site_counts[rows]
        cells = self.ledger.cells[rows]
        frac = self.ledger.frac[sites]
        positions = np.einsum("na,nab->nb", frac, np.repeat(cells, counts, axis=0))
        moving = None if self._moving[sites].all() else self._moving[sites]
        return Structures(self.batch.numbers[sites], positions, cells, counts, moving)

    def _refill(self) -> None:
        """Let the next hosts enter while there is room; one host enters however large it is."""
        sizes = self.batch.site_counts
        while self.waiting:
            sites = sizes[self.active.rows].sum() + sizes[self.waiting[0]].sum()
            if len(self.active.rows) > 0 and sites > self.evaluator.max_sites:
                return
            rows = self.waiting.pop(0)
            counts = self._moving_counts[rows] + self.cells.rows
            fresh = self.optimizer.init(counts, self._estimate_hessians(rows))
            self.active = Active(
                np.concatenate([self.active.rows, rows]),
                np.concatenate([self.active.earlier, np.full(len(rows), np.nan)]),
                self.optimizer.join(self.active.state, fresh),
            )

    def _estimate_hessians(self, rows: IntArray) -> tuple[FloatArray, ...] | None:
        if self.settings.curvature == "unit" or self.settings.optimizer != "bfgs":
            return None
        sites = list_site_indices(self.batch.site_counts, rows)
        hessians = estimate_hessians(self._structures(rows, sites), self._moving[sites])
        return self.cells.add_curvatures(rows, hessians)

    def _select(self, chosen: IntArray) -> None:
        self.active = Active(
            self.active.rows[chosen],
            self.active.earlier[chosen],
            self.optimizer.select(self.active.state, chosen),
        )
