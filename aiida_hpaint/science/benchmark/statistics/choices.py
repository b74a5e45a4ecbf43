"""Accuracy against cost: what other choices of a funnel would have found, and at what price."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from aiida_hpaint.science.evaluation.success import estimate_rate

CHOICES = "choices.jsonl"


class Choice(BaseModel):
    """How many samples are drawn, how they are scored, and how many of them are relaxed.

    Attributes
    ----------
    samples
        Drawn for each host.
    score_steps
        Of the short relaxation that scores them, 0 for energies as drawn; None: not scored, all
        samples are relaxed.
    candidates
        Lowest scored ones that are relaxed; None: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int
    score_steps: int | None = None
    candidates: int | None = None


class Outcome(BaseModel):
    """What a choice finds for one host, and its cost.

    Attributes
    ----------
    choice
        It.
    match, les
        Whether the lowest candidate matches the reference; or matches or is lower in energy.
    any_match
        Whether any candidate that was relaxed with all sites free matches.
    seconds
        Of one core.
    evaluations
        Of the potential.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: Choice
    match: bool
    les: bool
    any_match: bool
    seconds: float
    evaluations: int


class HostChoices(BaseModel):
    """What all choices find for one host.

    Attributes
    ----------
    index, label, sites, inserted
        Of its reference.
    outcomes
        One a choice.
    stages
        Seconds of one core that each stage of the measurement took.
    counts
        Samples drawn, proposed, distinct and plausible, relaxed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    label: str
    sites: int
    inserted: int
    outcomes: tuple[Outcome, ...]
    stages: dict[str, float]
    counts: dict[str, int]


def read_choices(folder: Path) -> list[HostChoices]:
    """Hosts of a folder in the order of their index; a line that was cut off is left out."""
    path = folder / CHOICES
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = [HostChoices.model_validate_json(line) for line in lines if line.endswith("\n")]
    return sorted(rows, key=lambda row: row.index)


def summarise_choices(hosts: Sequence[HostChoices]) -> list[dict[str, Any]]:
    """A JSON record for each choice that was made for all hosts, the cheapest first.

    `lowest_match`, `les` and `any_match` are rates with their errors; `seconds` (of one core) and
    `evaluations` of the potential are means over hosts.
    """
    found: dict[Choice, list[Outcome]] = {}
    for host in hosts:
        for outcome in host.outcomes:
            found.setdefault(outcome.choice, []).append(outcome)
    records = [_record(choice, some) for choice, some in found.items() if len(some) == len(hosts)]
    return sorted(records, key=lambda record: float(record["seconds"]))


def _record(choice: Choice, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        **choice.model_dump(),
        "lowest_match": estimate_rate([outcome.match for outcome in outcomes]).as_json(),
        "les": estimate_rate([outcome.les for outcome in outcomes]).as_json(),
        "any_match": estimate_rate([outcome.any_match for outcome in outcomes]).as_json(),
        "seconds": float(np.mean([outcome.seconds for outcome in outcomes])),
        "evaluations": float(np.mean([outcome.evaluations for outcome in outcomes])),
    }
