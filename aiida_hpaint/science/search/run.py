"""The search: rounds for all hosts whose lowest arrangement is not sure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.sampling.generators import identify_generator
from aiida_hpaint.science.relaxation.ledger import MARK
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.search.evidence import Evidence
from aiida_hpaint.science.search.inputs import SearchInputs
from aiida_hpaint.science.search.mix import count_wins
from aiida_hpaint.science.search.moves import ORIGIN_DTYPE, is_possible
from aiida_hpaint.science.search.rounds import OutOfTimeError, run_round, split_by_host
from aiida_hpaint.science.stages import StageTools
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.sample_origin import GENERATED
from aiida_hpaint.science.structures.status import RELAXED, STATUS_DTYPE, SampleStatus

_DEFAULTS: Mapping[str, Any] = {
    "origin": GENERATED,
    "parent": -1,
    "same_as": -1,
    "round": 0,
    "draws": 1,
    "energy": np.nan,
    "energy_scored": np.nan,
    "energy_sampled": np.nan,
    "max_force": np.nan,
    "steps": 0,
}
"""Scalars that the search needs, and their values where earlier stages did not set them."""

_COUNTS = ("found", "repeats")
"""Scalars of what the search counts."""


def run_search(
    name: str, samples: StructureBatch, inputs: SearchInputs, tools: StageTools
) -> StructureBatch:
    """Return all samples of the hosts after the search; see `search.stage.search_hosts`."""
    began, longest, spent = time.monotonic(), 0.0, 0
    history, before = samples.history, len(samples)
    known = [_collect(one, inputs) for one in split_by_host(_begin(name, samples))]
    unfinished: list[int] = []
    while going_on := [i for i, one in enumerate(known) if _goes_on(one, inputs)]:
        number = known[going_on[0]].round + 1
        if tools.progress is not None:
            text = f"{name}: round {number}, {len(going_on)} hosts go on"
            tools.progress(len(known) - len(going_on), len(known), text)
        started = time.monotonic()
        if tools.deadline is not None and started + longest > tools.deadline:
            unfinished = going_on
            break
        try:
            made, cost = run_round(name, [known[i] for i in going_on], inputs, tools)
        except OutOfTimeError:
            unfinished = going_on
            break
        for i, one in zip(going_on, split_by_host(made), strict=True):
            known[i] = _collect(one, inputs)
        longest, spent = max(longest, time.monotonic() - started), spent + cost
    parts = [_end(name, one, i in unfinished) for i, one in enumerate(known)]
    record = {
        "stage": name,
        "version": __version__,
        "model": get_potential(tools.potential or inputs.potential).card.as_json(),
        "generator": _identify(inputs, tools),
        "settings": inputs.model_dump(mode="json"),
        "seed": inputs.sampling.seed,
        "seconds": round(time.monotonic() - began, 3),
        "evaluations": spent,
        "new_samples": sum(map(len, parts)) - before,
        "hosts": len(known),
        "searched": sum(one.round > 0 for one in known),
        "unfinished": len(unfinished),
        "sure": sum(one.suffices(inputs.search) for one in known),
        "moves": count_moves(known),
    }
    together = replace(concatenate(parts), history=history) if parts else samples
    return together.with_history(record)


def count_moves(known: list[Evidence]) -> dict[str, dict[str, int]]:
    """Return what the moves of all rounds found in all hosts, by the origin of the samples.

    `tried` arrangements, of which so many were `repeated` ones, were `relaxed`, and became the
    `lowest` of their host in some round.
    """
    counts: dict[str, Counter[str]] = {}
    for evidence in known:
        scalars = evidence.samples.scalars
        for row in np.flatnonzero(scalars["round"] > 0).tolist():
            one = counts.setdefault(str(scalars["origin"][row]), Counter())
            status = SampleStatus(str(scalars["status"][row]))
            one["tried"] += 1
            one["repeated"] += status is SampleStatus.DUPLICATE
            one["relaxed"] += status in RELAXED
        for origin, wins in count_wins(evidence).items():
            counts[origin]["lowest"] += wins
    return {origin: dict(sorted(counts[origin].items())) for origin in sorted(counts)}


def _identify(inputs: SearchInputs, tools: StageTools) -> dict[str, str] | None:
    if not inputs.needs_generator:
        return None
    if tools.generator is not None:
        return tools.generator.identify()
    return identify_generator(inputs.sampling.generator)


def _goes_on(evidence: Evidence, inputs: SearchInputs) -> bool:
    moves = inputs.search.moves
    return evidence.asks_for_more(inputs.search) and any(
        is_possible(move, evidence, inputs.sampling) for move in moves
    )


def _collect(samples: StructureBatch, inputs: SearchInputs) -> Evidence:
    return Evidence.collect(samples, inputs.filter.same, inputs.misplaced)


def _begin(name: str, samples: StructureBatch) -> StructureBatch:
    """Return samples with the scalars of the search, and take up those of an interrupted one."""
    size, statuses = len(samples), samples.scalars["status"].astype(STATUS_DTYPE)
    metadata = list(samples.metadata)
    for row, entry in enumerate(metadata):
        mark = entry.get(MARK, {})
        if mark.get("stage") == name:
            statuses[row] = mark["status"]
            metadata[row] = {key: value for key, value in entry.items() if key != MARK}
    lacking = {
        key: np.full(size, value) for key, value in _DEFAULTS.items() if key not in samples.scalars
    }
    begun = replace(samples, metadata=tuple(metadata), history=())
    begun = begun.with_scalars(**lacking, status=statuses)
    origins = begun.scalars["origin"].astype(ORIGIN_DTYPE)
    # What an earlier part of the search counted is counted anew.
    scalars = {key: values for key, values in begun.scalars.items() if key not in _COUNTS}
    return replace(begun, scalars=scalars).with_scalars(origin=origins)


def _end(name: str, evidence: Evidence, is_unfinished: bool) -> StructureBatch:
    samples = evidence.samples.with_scalars(found=evidence.found, repeats=evidence.repeats)
    if not is_unfinished:
        return samples
    row = int(evidence.lowest[0]) if len(evidence.lowest) else 0
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    mark = {"stage": name, "status": str(statuses[row])}
    statuses[row] = SampleStatus.UNFINISHED.value
    metadata = list(samples.metadata)
    metadata[row] = {**metadata[row], MARK: mark}
    return replace(samples, metadata=tuple(metadata)).with_scalars(status=statuses)
