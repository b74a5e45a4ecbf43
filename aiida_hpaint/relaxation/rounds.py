"""The relaxation in rounds: every active sample is evaluated, judged and moved once a round."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.structures.fate import RELAXED, Fate

from .evaluator import Structures
from .guards import CHECK_EVERY, absurd_forces, absurdly_low, closest_contacts
from .ragged import largest_norms, site_rows

if TYPE_CHECKING:
    from aiida_hpaint.settings import RelaxationSettings
    from aiida_hpaint.structures.batch import BoolArray, FloatArray, IntArray, StructureBatch

    from .evaluator import Evaluator
    from .ledger import Ledger
    from .optimizers import Optimizer


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

    def __post_init__(self) -> None:
        everything = self.settings.moving == "all"
        self._moving: BoolArray = self.batch.inserted | everything
        owners = self.batch.owners[self._moving]
        self._moving_counts = np.bincount(owners, minlength=len(self.batch)).astype(np.int64)
        self._inverse = np.linalg.inv(self.batch.cells)
        none = np.zeros(0, dtype=np.int64)
        self.active = Active(none, np.zeros(0), self.optimizer.init(none))
        # Energies of settled samples: those that finished in an earlier, interrupted call too.
        self._settled = np.full(len(self.batch), np.nan)
        pending = np.concatenate([none, *self.waiting])
        for row in np.setdiff1d(np.arange(len(self.batch)), pending):
            if self.ledger.fate[row] in RELAXED:
                self._settled[row] = self.ledger.energy[row]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return not self.waiting and len(self.active.rows) == 0

    def evaluate(self) -> FloatArray:
        """Let samples in, evaluate, judge; returns the forces on the survivors' moving sites."""
        self._refill()
        rows = self.active.rows
        counts = self.batch.site_counts
        sites = site_rows(counts, rows)
        energies, forces, errors = self.evaluator.evaluate(self._structures(rows, sites))
        pushed = forces[self._moving[sites]]
        strongest = largest_norms(pushed, self._moving_counts[rows])
        self.ledger.note(rows, energies, strongest)
        verdicts = self._judge(energies, pushed, strongest, errors)
        for place, (fate, message) in verdicts.items():
            self.ledger.close(int(rows[place]), fate, message)
            if fate in RELAXED:
                self._settled[rows[place]] = energies[place]
        stay = np.array([place not in verdicts for place in range(len(rows))], dtype=np.bool_)
        survivors = np.flatnonzero(stay)
        left = pushed[site_rows(self._moving_counts[rows], survivors)]
        self._keep(survivors)
        return left

    def move(self, forces: FloatArray) -> None:
        """One step of the optimiser for all active samples."""
        rows = self.active.rows
        state, moves = self.optimizer.step(self.active.state, forces)
        sites = site_rows(self.batch.site_counts, rows)
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

    def _structures(self, rows: IntArray, sites: IntArray) -> Structures:
        counts = self.batch.site_counts[rows]
        cells = self.batch.cells[rows]
        frac = self.ledger.frac[sites]
        positions = np.einsum("na,nab->nb", frac, np.repeat(cells, counts, axis=0))
        return Structures(self.batch.numbers[sites], positions, cells, counts)

    def _judge(
        self,
        energies: FloatArray,
        forces: FloatArray,
        strongest: FloatArray,
        errors: dict[int, str],
    ) -> dict[int, tuple[Fate, str | None]]:
        """Which samples leave, why, and what to tell about it; the first verdict stands."""
        rows = self.active.rows
        verdicts: dict[int, tuple[Fate, str | None]] = {
            place: (Fate.FAILED, message) for place, message in errors.items()
        }
        steps = self.ledger.steps[rows]
        settles = strongest < self.settings.fmax
        ends = settles | (steps >= self.settings.max_steps)
        self._guard(verdicts, energies, forces, strongest, ends)
        above = self._above_best(verdicts, energies)
        for place in range(len(rows)):
            if place in verdicts:
                continue
            if settles[place]:
                verdicts[place] = (Fate.CONVERGED, None)
            elif above[place]:
                verdicts[place] = (Fate.OUTCLASSED, None)
            elif ends[place]:
                verdicts[place] = (Fate.NOT_CONVERGED, None)
        return verdicts

    def _guard(
        self,
        verdicts: dict[int, tuple[Fate, str | None]],
        energies: FloatArray,
        forces: FloatArray,
        strongest: FloatArray,
        ends: BoolArray,
    ) -> None:
        """Add the verdicts on samples that are broken."""
        rows = self.active.rows
        steps = self.ledger.steps[rows]
        lost = ~(np.isfinite(energies) & np.isfinite(strongest))
        _add(verdicts, lost, Fate.NOT_A_NUMBER, "the potential returned NaN or infinity", steps)
        wild = absurd_forces(np.nan_to_num(forces), self._moving_counts[rows])
        if self.lowest_energy is not None:
            wild |= energies < self.lowest_energy * self.batch.site_counts[rows]
        _add(verdicts, wild, Fate.ABSURD_ENERGY, "energy or force beyond any chemistry", steps)
        checked = ends | ((steps > 0) & (steps % CHECK_EVERY == 0))
        if not checked.any():
            return
        _add(verdicts, self._collapsed(checked), Fate.COLLAPSED, "sites fell together", steps)
        low = checked & self._too_low(verdicts, energies)
        _add(verdicts, low, Fate.ABSURD_ENERGY, "energy far below any chemistry", steps)
        first = checked & np.isnan(self.active.earlier)
        self.active.earlier[first] = energies[first]

    def _collapsed(self, checked: BoolArray) -> BoolArray:
        rows = self.active.rows[checked]
        sites = site_rows(self.batch.site_counts, rows)
        closest = closest_contacts(
            self.batch.numbers[sites],
            self.ledger.frac[sites],
            self.batch.cells[rows],
            self.batch.site_counts[rows],
            self._moving[sites],
        )
        collapsed = np.zeros(len(checked), dtype=np.bool_)
        collapsed[checked] = closest < 1.0
        return collapsed

    def _too_low(
        self, verdicts: dict[int, tuple[Fate, str | None]], energies: FloatArray
    ) -> BoolArray:
        """Samples below what chemistry explains, judged beside all of their host's samples."""
        rows = self.active.rows
        sane = np.array([place not in verdicts for place in range(len(rows))], dtype=np.bool_)
        kin = np.isin(self.hosts, self.hosts[rows]) & ~np.isnan(self._settled)
        others = np.flatnonzero(kin)
        low = np.zeros(len(rows), dtype=np.bool_)
        low[sane] = absurdly_low(
            np.concatenate([energies[sane], self._settled[others]]),
            self._moving_counts[np.concatenate([rows[sane], others])],
            self.hosts[np.concatenate([rows[sane], others])],
            np.concatenate([self.active.earlier[sane], np.full(len(others), np.nan)]),
        )[: int(sane.sum())]
        return low

    def _above_best(
        self, verdicts: dict[int, tuple[Fate, str | None]], energies: FloatArray
    ) -> BoolArray:
        """Samples that are hopelessly above the best of their host at the same step."""
        rows = self.active.rows
        if self.settings.give_up_above is None:
            return np.zeros(len(rows), dtype=np.bool_)
        best = np.full(len(self.batch), np.inf)
        settled = np.flatnonzero(~np.isnan(self._settled))
        np.minimum.at(best, self.hosts[settled], self._settled[settled])
        sane = np.array([place not in verdicts for place in range(len(rows))], dtype=np.bool_)
        np.minimum.at(best, self.hosts[rows[sane]], energies[sane])
        late = self.ledger.steps[rows] >= self.settings.give_up_after
        return late & sane & (energies > best[self.hosts[rows]] + self.settings.give_up_above)


def _add(
    verdicts: dict[int, tuple[Fate, str | None]],
    chosen: BoolArray,
    fate: Fate,
    message: str,
    steps: IntArray,
) -> None:
    for place in np.flatnonzero(chosen):
        verdicts.setdefault(int(place), (fate, f"{message} after {int(steps[place])} steps"))
