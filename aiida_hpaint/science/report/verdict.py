"""The verdict on one host: a light, and the words that say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aiida_hpaint.science.confidence import SURE, format_confidence
from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.report.host_results import HostResult

__all__ = ["Light", "Verdict", "judge_host"]

Light = Literal["green", "amber", "red", "grey"]

LIKELY = 0.6
"""Confidence below which an answer is a proposal only."""


@dataclass(frozen=True)
class Verdict:
    """What a reader learns first.

    Attributes
    ----------
    light
        Green: can be used. Amber: worth a look. Red: not restored, or a proposal at best. Grey:
        nothing was estimated.
    title
        The verdict in a few words.
    reasons
        What it is based on, a phrase each.
    problems
        Checks that the answer fails, or why there is no answer, a sentence each.
    notices
        What else the checks noted, a sentence each.
    """

    light: Light
    title: str
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def judge_host(result: HostResult) -> Verdict:
    """Return the verdict on one host."""
    best = result.best
    if best is None:
        return Verdict("red", "No structure was found", problems=tuple(_explain_nothing(result)))
    found = best.metadata[0].get("confidence") or {}
    reasons = tuple(map(str, found.get("reasons", ())))
    notices = tuple(filter(None, (*get_findings(best, "notices"), result.contradiction)))
    failed = tuple(get_findings(best))
    if failed:
        title = "Not restored: the lowest structure fails a check"
        return Verdict("red", title, reasons, failed, notices)
    value = float(best.scalars.get("confidence", np.array([np.nan]))[0])
    if np.isnan(value):
        return Verdict("grey", "Restored; the confidence was not estimated", reasons, (), notices)
    percent = format_confidence(value)
    if value >= SURE and notices:
        return Verdict("amber", f"High confidence: {percent}; see the notice", reasons, (), notices)
    if value >= SURE:
        return Verdict("green", f"High confidence: {percent}", reasons)
    if value >= LIKELY:
        return Verdict("amber", f"Moderate confidence: {percent}", reasons, (), notices)
    return Verdict("red", f"Low confidence: {percent}; a proposal only", reasons, (), notices)


def _explain_nothing(result: HostResult) -> list[str]:
    """Say what became of the samples of a host without any candidate."""
    lines = [f"{result.statuses}."]
    return [*lines, f"The first error: {result.error}"] if result.error else lines
