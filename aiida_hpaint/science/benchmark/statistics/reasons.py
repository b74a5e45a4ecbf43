"""Reasons why the lowest candidate of a host is not its reference."""

from __future__ import annotations

from typing import Any

from aiida_hpaint.science.benchmark.statistics.criteria import (
    WITHIN,
    is_correct,
    is_right,
    is_success,
)
from aiida_hpaint.science.benchmark.statistics.rows import HostRow

NO_CANDIDATE = "no candidate"
LOWER = "lower in energy than the reference"
LOWER_ELSEWHERE = "lower in energy, in another host"
LOWER_FAILING = "lower in energy, fails the checks"
RELAXED = "matches only the relaxed reference"
DEGENERATE = "within 1 meV/atom of the reference"
MOVED = "host moved away"
NOT_FIRST = "relaxed, but not ranked first"
LOST = "sampled, but lost in relaxation"
_NOT_RELAXED = "sampled, but not relaxed"
NOT_SAMPLED = "not sampled"


def explain_failure(row: HostRow) -> dict[str, Any] | None:
    """Return why the lowest candidate of a host is not the reference, as JSON; None if it is."""
    lowest, answer = row.lowest, row.answer
    if lowest is not None and is_correct(row, lowest):
        return None
    return {
        "label": row.label,
        "formula": row.formula,
        "sites": row.sites,
        "inserted": row.inserted,
        "les": lowest is not None and is_success(row, lowest),
        "les_strict": is_right(row),
        "energy_difference": None if lowest is None else lowest.energy_difference,
        "answer_energy_difference": None if answer is None else answer.energy_difference,
        "rmsd_inserted": None if lowest is None else lowest.rmsd_inserted,
        "reason": find_reason(row),
    }


def find_reason(row: HostRow) -> str:
    """Return the first reason that applies, from the last stage back to sampling."""
    lowest = row.lowest
    if lowest is None:
        return NO_CANDIDATE
    if lowest.match_relaxed:
        return RELAXED
    if lowest.energy_difference is not None and lowest.energy_difference < 0:
        if lowest.host_match is False:
            return LOWER_ELSEWHERE
        return LOWER_FAILING if lowest.passes is False else LOWER
    if lowest.energy_difference is not None and lowest.energy_difference < WITHIN:
        return DEGENERATE
    if any(is_correct(row, sample) and sample.candidate is not False for sample in row.samples):
        return NOT_FIRST
    right = [sample for sample in row.samples if sample.match_unrelaxed]
    # A sample shares the outcome of the one that was relaxed in its place.
    shared = [row.samples[row.outcome(sample).sample] for sample in right]
    if any(one.candidate is not False and one.energy_sampled is not None for one in shared):
        return LOST
    if right:
        return _NOT_RELAXED
    return MOVED if lowest.host_match is False else NOT_SAMPLED
