"""Relaxation of many samples at once with a machine-learned potential."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.relaxation.evaluator import Evaluator
from aiida_hpaint.science.relaxation.ledger import Ledger
from aiida_hpaint.science.relaxation.optimizers import Bfgs, Fire
from aiida_hpaint.science.relaxation.potentials import get_potential, require_stress
from aiida_hpaint.science.relaxation.rounds import Rounds
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import IntArray, Progress

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials import Potential
    from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings
    from aiida_hpaint.science.structures.batch import StructureBatch


SMALLEST_CELL = 0.1
"""Å³; smaller than the cell of any crystal."""


def relax(
    batch: StructureBatch,
    settings: RelaxationSettings,
    potential: PotentialSettings | Potential,
    *,
    stage: str | None = None,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> StructureBatch:
    """Relax every sample of a batch that is alive.

    Samples are relaxed in groups of bounded size; one that finishes makes room for the next.
    Only moving sites move: all others keep their fractional coordinates bit for bit, and follow the
    strain where the cell relaxes (`settings.cell`), as all sites do. The result
    of a sample depends on the samples of its own host (scalar `host`) alone: they end it where they
    are far lower in energy (`give_up_above`) or far higher (a hole in the potential).

    Parameters
    ----------
    batch : StructureBatch
        Samples; rows whose status is not alive pass through. If some are unfinished from an
        earlier call for the same stage, only those continue, with the steps they had left.
    settings : RelaxationSettings
        Moving sites, optimiser and limits, and what of the cell relaxes; `max_steps=0` computes
        energies only.
    potential : PotentialSettings or Potential
        Potential that computes energies and forces: one of the registry by its settings, or any
        object with the members of `Potential`; ASE calculators are accepted as well.
    stage : string, optional
        Name of the stage in the history, by which unfinished samples are found again; the
        default is `relax_inserted` or `relax_all`, depending on `settings.moving`.
    deadline : float, optional
        `time.monotonic()` at which to stop. Samples that have not finished keep their last
        evaluated positions and cells, with status UNFINISHED.
    progress : function of (done, total, text), optional
        Called after every round.

    Returns
    -------
    StructureBatch
        With the scalars energy (eV), energy_sampled (eV, first evaluation), max_force (eV/Å, on
        moving sites), steps (evaluations over all stages) and status, with max_stress (GPa, of what
        may still change) where cells relax, and one more history record.

    Raises
    ------
    PotentialError
        If the potential cannot be loaded, or lacks the stresses that relaxed cells need. Errors for
        single samples are never raised: they are in the metadata of the sample.
    """
    began = time.monotonic()
    potential = get_potential(potential)
    has_free_cell = settings.cell != "fixed"
    if has_free_cell:
        potential = require_stress(potential)
    ledger = Ledger.open(batch, stage or f"relax_{settings.moving}")
    hosts = _number_hosts(batch)
    todo = _find_valid_rows(batch, ledger)
    evaluator = Evaluator(potential, settings.max_sites_per_batch, has_free_cell)
    # Hosts enter in the order in which they first appear.
    in_order = dict.fromkeys(hosts[todo].tolist())
    rounds = Rounds(
        batch=batch,
        settings=settings,
        evaluator=evaluator,
        optimizer=Bfgs() if settings.optimizer == "bfgs" else Fire(),
        ledger=ledger,
        waiting=[todo[hosts[todo] == host] for host in in_order],
        hosts=hosts,
        lowest_energy=potential.card.lowest_energy,
    )
    _run(rounds, deadline, progress, todo)
    rounds.criteria.recheck_finished()
    record = _describe(rounds, todo, time.monotonic() - began)
    return ledger.to_batch(batch, has_free_cell).with_history(record)


def _describe(rounds: Rounds, todo: IntArray, seconds: float) -> dict[str, Any]:
    """Return what the history says of a relaxation."""
    evaluator, ledger = rounds.evaluator, rounds.ledger
    card = evaluator.potential.card
    statuses = Counter(str(ledger.status[row]) for row in todo)
    return {
        "stage": ledger.stage,
        "version": __version__,
        "model": card.as_json(),
        "settings": rounds.settings.model_dump(),
        "seed": None,
        "device": card.device,
        "seconds": seconds,
        "evaluations": evaluator.structures,
        "network_calls": evaluator.calls,
        "samples": len(todo),
        "statuses": dict(sorted(statuses.items())),
    }


def _run(rounds: Rounds, deadline: float | None, progress: Progress | None, todo: IntArray) -> None:
    """Run rounds until no sample is left or the next one would end after the deadline."""
    longest = 0.0
    if deadline is not None and time.monotonic() > deadline:
        rounds.stop()
    while not rounds.is_finished:
        started = time.monotonic()
        forces = rounds.evaluate()
        longest = max(longest, time.monotonic() - started)
        if progress is not None:
            active = len(rounds.active.rows)
            left = active + sum(len(rows) for rows in rounds.waiting)
            progress(len(todo) - left, len(todo), f"{rounds.ledger.stage}: {active} active")
        if deadline is not None and time.monotonic() + longest > deadline:
            rounds.stop()
            break
        rounds.move(forces)


def _number_hosts(batch: StructureBatch) -> IntArray:
    """Return (S,) numbers of hosts; without the scalar `host` each sample is its own host."""
    if "host" not in batch.scalars:
        return np.arange(len(batch), dtype=np.int64)
    _, numbers = np.unique(batch.scalars["host"], return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)


def _find_valid_rows(batch: StructureBatch, ledger: Ledger) -> IntArray:
    """Return the rows to relax; close those without a valid cell or position of each site."""
    rows = ledger.find_rows_to_relax()
    finite = np.isfinite(batch.frac_coords).all(axis=1)
    unplaced = np.bincount(batch.owners[~finite], minlength=len(batch)) > 0
    flat = ~(np.abs(np.linalg.det(batch.cells)) > SMALLEST_CELL)
    for row in rows[unplaced[rows]]:
        ledger.close(int(row), SampleStatus.NOT_A_NUMBER, "a site has no position: sample it first")
    for row in rows[(flat & ~unplaced)[rows]]:
        ledger.close(
            int(row), SampleStatus.FAILED, "the cell has no volume: give three lattice vectors"
        )
    sound: IntArray = rows[~(unplaced | flat)[rows]]
    return sound
