"""Reasons why the lowest candidate of a host is not its reference."""

from __future__ import annotations

from typing import Any

from aiida_hpaint.science.benchmark.statistics.order_statistics import is_correct, is_success
from aiida_hpaint.science.benchmark.statistics.rows import HostRow

NO_CANDIDATE = "no candidate"
LOWER = "lower in energy than the reference"
MOVED = "host moved away"
NOT_FIRST = "relaxed, but not ranked first"
LOST = "sampled, but lost in relaxation"
_NOT_RELAXED = "sampled, but not relaxed"
NOT_SAMPLED = "not sampled"


def explain_failure(row: HostRow) -> dict[str, Any] | None:
    """Return why the lowest candidate of a host is not the reference, as JSON; None if it is."""
    lowest = row.lowest
    if lowest is not None and is_correct(row, lowest):
        return None
    return {
        "label": row.label,
        "formula": row.formula,
        "sites": row.sites,
        "inserted": row.inserted,
        "les": lowest is not None and is_success(row, lowest),
        "energy_difference": None if lowest is None else lowest.energy_difference,
        "rmsd_inserted": None if lowest is None else lowest.rmsd_inserted,
        "reason": find_reason(row),
    }


def find_reason(row: HostRow) -> str:
    """Return the first reason that applies, from the last stage back to sampling."""
    lowest = row.lowest
    if lowest is None:
        return NO_CANDIDATE
    if lowest.energy_difference is not None and lowest.energy_difference < 0:
        return LOWER
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
