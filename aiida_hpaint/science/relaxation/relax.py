"""Relaxation of many samples at once with a machine-learned potential, at fixed cells."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.relaxation.evaluator import Evaluator
from aiida_hpaint.science.relaxation.ledger import Ledger
from aiida_hpaint.science.relaxation.optimizers import Bfgs, Fire
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.relaxation.rounds import Rounds
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import IntArray, Progress

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.optimizers import Optimizer
    from aiida_hpaint.science.relaxation.potentials import Potential
    from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings
    from aiida_hpaint.science.structures.batch import StructureBatch


SMALLEST_CELL = 0.1
"""Å³; no cell holds an atom in less."""


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
    Only moving sites move: all others keep their fractional coordinates bit for bit. The result
    of a sample depends on the samples of its own host (scalar `host`) alone, and on those only
    where it is given up because they are far lower.

    Parameters
    ----------
    batch : StructureBatch
        Samples; rows whose status is not alive pass through. If some are unfinished from an
        earlier call for the same stage, only those are taken up, with the steps they had left.
    settings : RelaxationSettings
        What moves, how far, how long; `max_steps=0` computes energies only.
    potential : PotentialSettings or Potential
        What computes energies and forces: a potential of the registry by its settings, or any
        object with the methods of `Potential`.
    stage : string, optional
        Name of the stage in the history, by which unfinished samples are found again; without
        it `relax_inserted` or `relax_all`, as what moves says.
    deadline : float, optional
        `time.monotonic()` at which to stop. Samples that have not finished keep their last
        evaluated positions, with status UNFINISHED.
    progress : function of (done, total, text), optional
        Called after every round.

    Returns
    -------
    StructureBatch
        With the scalars energy (eV), energy_sampled (eV, first evaluation), max_force (eV/Å, on
        moving sites), steps (evaluations over all stages) and status, and one more history record.

    Raises
    ------
    PotentialError
        If the potential cannot be loaded. Errors for single samples are never raised: they are in
        the metadata of the sample.
    """
    began = time.monotonic()
    potential = get_potential(potential)
    ledger = Ledger.open(batch, stage or f"relax_{settings.moving}")
    hosts = _hosts(batch)
    todo = _sound(batch, ledger)
    evaluator = Evaluator(potential, settings.max_sites_per_batch)
    rounds = Rounds(
        batch=batch,
        settings=settings,
        evaluator=evaluator,
        optimizer=_optimizer(settings),
        ledger=ledger,
        waiting=[todo[hosts[todo] == host] for host in _in_order(hosts[todo])],
        hosts=hosts,
        lowest_energy=potential.card.lowest_energy,
    )
    _run(rounds, deadline, progress, todo)
    rounds.judge.review()
    statuses = Counter(str(ledger.status[row]) for row in todo)
    record: dict[str, Any] = {
        "stage": ledger.stage,
        "version": __version__,
        "model": potential.card.as_json(),
        "settings": settings.model_dump(),
        "seed": None,
        "device": potential.card.device,
        "seconds": time.monotonic() - began,
        "evaluations": evaluator.structures,
        "network_calls": evaluator.calls,
        "samples": len(todo),
        "statuses": dict(sorted(statuses.items())),
    }
    return ledger.result(batch).with_history(record)


def _run(rounds: Rounds, deadline: float | None, progress: Progress | None, todo: IntArray) -> None:
    """Rounds until nothing is left or the next one would end after the deadline."""
    longest = 0.0
    if deadline is not None and time.monotonic() > deadline:
        rounds.stop()
    while not rounds.finished:
        started = time.monotonic()
        forces = rounds.evaluate()
        longest = max(longest, time.monotonic() - started)
        _report(rounds, progress, todo)
        if deadline is not None and time.monotonic() + longest > deadline:
            rounds.stop()
            break
        rounds.move(forces)


def _report(rounds: Rounds, progress: Progress | None, todo: IntArray) -> None:
    if progress is None:
        return
    left = len(rounds.active.rows) + sum(len(rows) for rows in rounds.waiting)
    progress(
        len(todo) - left, len(todo), f"{rounds.ledger.stage}: {len(rounds.active.rows)} active"
    )


def _optimizer(settings: RelaxationSettings) -> Optimizer[Any]:
    return Bfgs() if settings.optimizer == "bfgs" else Fire()


def _hosts(batch: StructureBatch) -> IntArray:
    """(S,) a number below S for each host; without the scalar each structure is its own host."""
    if "host" not in batch.scalars:
        return np.arange(len(batch), dtype=np.int64)
    _, numbers = np.unique(batch.scalars["host"], return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)


def _in_order(hosts: IntArray) -> IntArray:
    """Different hosts in the order in which they first appear."""
    values, first = np.unique(hosts, return_index=True)
    return values[np.argsort(first)]


def _sound(batch: StructureBatch, ledger: Ledger) -> IntArray:
    """Rows to relax; those without a cell, or with sites without a position, are closed at once."""
    rows = ledger.todo()
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
