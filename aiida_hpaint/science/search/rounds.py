"""A round of the search: new arrangements for several hosts, filtered, scored and relaxed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.relaxation.ledger import MARK
from aiida_hpaint.science.search.evidence import Evidence
from aiida_hpaint.science.search.inputs import SearchInputs
from aiida_hpaint.science.search.mix import share_out
from aiida_hpaint.science.search.moves import Order, forget_results, is_possible, make_moves
from aiida_hpaint.science.settings import RelaxationSettings
from aiida_hpaint.science.stages import StageTools, propose_and_filter
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.status import RELAXED, STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.types import BoolArray, IntArray

CHOSEN = "search_chosen"
"""Stage of the relaxation of the chosen samples, which finds them by their mark."""


class OutOfTimeError(Exception):
    """A round that the deadline ended before its end."""


def run_round(
    name: str, known: Sequence[Evidence], inputs: SearchInputs, tools: StageTools
) -> tuple[StructureBatch, int]:
    """Make new arrangements for hosts, and relax the lowest of them.

    Parameters
    ----------
    name
        Name of the stage.
    known
        What is known of each host; all of them are in the same round.

    Returns
    -------
    The samples of these hosts, new ones included, and the number of evaluations of the potential.

    Raises
    ------
    OutOfTimeError
        If the deadline came first.
    """
    fresh = _make_arrangements(known, inputs, tools)
    seen = concatenate([evidence.samples for evidence in known])
    before = int(seen.scalars["steps"].sum())
    samples = _filter(seen, fresh, inputs)
    samples = _score(name, samples, inputs, tools)
    samples = concatenate([_choose(one, inputs) for one in split_by_host(samples)])
    samples = _relax_chosen(name, samples, inputs, tools)
    return samples, int(samples.scalars["steps"].sum()) - before


def split_by_host(samples: StructureBatch) -> list[StructureBatch]:
    """Return the samples of each host, in the order in which hosts first appear."""
    hosts = samples.scalars["host"]
    return [samples[hosts == host] for host in dict.fromkeys(hosts.tolist())]


def _make_arrangements(
    known: Sequence[Evidence], inputs: SearchInputs, tools: StageTools
) -> StructureBatch:
    def tick(fraction: float) -> None:
        if tools.deadline is not None and fraction < 1 and time.monotonic() > tools.deadline:
            raise OutOfTimeError

    orders: dict[str, list[Order]] = {}
    for evidence in known:
        moves = [
            move for move in inputs.search.moves if is_possible(move, evidence, inputs.sampling)
        ]
        for move, count in share_out(evidence, moves, inputs.search.arrangements).items():
            orders.setdefault(move, []).append(Order(evidence, count))
    made = concatenate(
        [
            make_moves(move, orders[move], inputs.sampling, tools.generator, tick)
            for move in inputs.search.moves
            if move in orders
        ]
    )
    last = {evidence.host: int(evidence.samples.scalars["sample"].max()) for evidence in known}
    numbers = []
    for host in made.scalars["host"].tolist():
        last[host] += 1
        numbers.append(last[host])
    rounds = np.full(len(made), known[0].round + 1)
    return made.with_scalars(sample=numbers, round=rounds)


def _filter(seen: StructureBatch, fresh: StructureBatch, inputs: SearchInputs) -> StructureBatch:
    """Propose symmetric arrangements in addition, and filter what is new.

    All hosts of a search that still go on are in the same round, each of which offers some more
    arrangements on Wyckoff positions.
    """
    samples = concatenate([seen, fresh])
    number = int(fresh.scalars["round"][0])
    further = number * inputs.search.arrangements // 2
    offered = inputs.symmetry.wyckoff + further if inputs.symmetry.wyckoff else 0
    symmetry = inputs.symmetry.model_copy(update={"wyckoff": offered})
    found = propose_and_filter(samples, symmetry, inputs.filter, inputs.sampling.use_parents)
    proposed = np.arange(len(samples), len(found))
    known = replace(found[: len(samples)], history=())
    if not len(proposed):
        return known
    new = forget_results(found[proposed]).with_scalars(round=np.full(len(proposed), number))
    return concatenate([known, replace(new, history=())])


def _score(
    name: str, samples: StructureBatch, inputs: SearchInputs, tools: StageTools
) -> StructureBatch:
    """Relax what is new for a few steps; it is held back until it is chosen."""
    rows = np.flatnonzero(samples.scalars["status"] == SampleStatus.SAMPLED.value)
    if inputs.score is None or not len(rows):
        return samples
    scored = _relax(name, samples[rows], inputs.score, inputs, tools)
    relaxed = np.isin(scored.scalars["status"], [status.value for status in RELAXED])
    statuses = np.where(relaxed, SampleStatus.HIGHER_IN_ENERGY.value, scored.scalars["status"])
    return _put(
        samples,
        rows,
        scored.with_scalars(status=statuses, energy_scored=scored.scalars["energy"]),
    )


def _choose(samples: StructureBatch, inputs: SearchInputs) -> StructureBatch:
    """Mark the arrangements of one host that are relaxed: the lowest that were held back so far.

    What a score has brought to an arrangement that is known is a duplicate of it.
    """
    evidence = Evidence.collect(samples, inputs.filter.same, inputs.misplaced)
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    metadata = list(samples.metadata)
    same_as, numbers = samples.scalars["same_as"].copy(), samples.scalars["sample"]
    waiting = statuses == SampleStatus.SAMPLED.value
    if inputs.score is not None:
        waiting = _is_held_back(samples)
        repeats = np.flatnonzero(waiting & (evidence.groups != np.arange(len(samples))))
        for row in repeats[samples.scalars["round"][repeats] == evidence.round].tolist():
            statuses[row] = SampleStatus.DUPLICATE.value
            same_as[row] = numbers[evidence.groups[row]]
        waiting[repeats] = False
    rows = np.flatnonzero(waiting)
    chosen = rows[np.argsort(evidence.energies[rows], kind="stable")][: inputs.search.relaxed]
    for row in chosen.tolist():
        # An unfinished relaxation goes on beside the samples of the host that are relaxed.
        statuses[row] = SampleStatus.UNFINISHED.value
        metadata[row] = {**metadata[row], MARK: {"stage": CHOSEN, "steps": 0}}
    marked = replace(samples, metadata=tuple(metadata))
    return marked.with_scalars(status=statuses, same_as=same_as)


def _is_held_back(samples: StructureBatch) -> BoolArray:
    """Return (S,) whether a sample was scored, and not relaxed any further."""
    higher = samples.scalars["status"] == SampleStatus.HIGHER_IN_ENERGY.value
    return np.asarray(higher & (samples.scalars["energy"] == samples.scalars["energy_scored"]))


def _relax_chosen(
    name: str, samples: StructureBatch, inputs: SearchInputs, tools: StageTools
) -> StructureBatch:
    """Relax the chosen samples beside those of their hosts that are relaxed."""
    marks = [entry.get(MARK, {}) for entry in samples.metadata]
    chosen = np.array([mark.get("stage") == CHOSEN for mark in marks])
    if not chosen.any():
        return samples
    relaxed = np.isin(samples.scalars["status"], [status.value for status in RELAXED])
    rows = np.flatnonzero(chosen | relaxed)
    return _put(samples, rows, _relax(CHOSEN, samples[rows], inputs.relaxation, inputs, tools))


def _relax(
    stage: str,
    samples: StructureBatch,
    settings: RelaxationSettings,
    inputs: SearchInputs,
    tools: StageTools,
) -> StructureBatch:
    potential = tools.potential or inputs.potential
    relaxed = relax(samples, settings, potential, stage=stage, deadline=tools.deadline)
    if (relaxed.scalars["status"] == SampleStatus.UNFINISHED.value).any():
        raise OutOfTimeError
    return relaxed


def _put(samples: StructureBatch, rows: IntArray, changed: StructureBatch) -> StructureBatch:
    """Return samples of which some rows are replaced by relaxed ones."""
    coords, metadata = samples.frac_coords.copy(), list(samples.metadata)
    scalars = {name: values.copy() for name, values in samples.scalars.items()}
    for place, row in enumerate(rows.tolist()):
        coords[samples.sites(row)] = changed.frac_coords[changed.sites(place)]
        metadata[row] = changed.metadata[place]
    scalars["status"] = scalars["status"].astype(STATUS_DTYPE)
    for name in scalars:
        scalars[name][rows] = changed.scalars[name]
    return replace(samples, frac_coords=coords, metadata=tuple(metadata), scalars=scalars)
