"""measure_choices: all stages of one host with wide limits, as narrower ones would find less."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from aiida_hpaint.science.benchmark.measure import load_models
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.evaluation import is_match, select_lowest
from aiida_hpaint.science.evaluation.success import estimate_rate
from aiida_hpaint.science.recipe import run_stage
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.restoration import relax_reference
from aiida_hpaint.science.settings import RelaxationSettings, RestorationSettings
from aiida_hpaint.science.stages import RelaxationInputs, propose_and_filter
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED, WYCKOFF
from aiida_hpaint.science.structures.status import RELAXED, STATUS_DTYPE, SampleStatus

Rows = NDArray[np.intp]

ALL = 1_000_000
"""Candidates where there is no limit."""


CHOICES = "choices.jsonl"


class Choice(BaseModel):
    """Numbers of samples and of relaxed candidates, and the score between them.

    Attributes
    ----------
    samples
        Number of samples per host.
    score_steps
        Steps of the short relaxation that scores samples, 0 for unrelaxed energies; None: all
        samples are relaxed without scores.
    candidates
        Number of samples with the lowest scores that are relaxed; None: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int
    score_steps: int | None = None
    candidates: int | None = None


class Outcome(BaseModel):
    """Result of a choice for one host, and its cost.

    Attributes
    ----------
    choice
        The choice.
    match, les
        Whether the lowest candidate matches the reference; whether it matches or is lower.
    any_match
        Whether any candidate that was relaxed with all sites free matches.
    seconds
        CPU seconds of one core.
    evaluations
        Evaluations of the potential.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: Choice
    match: bool
    les: bool
    any_match: bool
    seconds: float
    evaluations: int


class HostChoices(BaseModel):
    """Results of all choices for one host.

    Attributes
    ----------
    index, label, sites, inserted
        Index, name and numbers of sites of its reference.
    outcomes
        One outcome per choice.
    stages
        CPU seconds of each stage of the measurement.
    counts
        Numbers of samples: sampled, proposed, distinct and plausible, relaxed.
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
    """Read the hosts of a folder in the order of their index; ignore an unfinished line."""
    path = folder / CHOICES
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = [HostChoices.model_validate_json(line) for line in lines if line.endswith("\n")]
    return sorted(rows, key=lambda row: row.index)


def summarise_choices(hosts: Sequence[HostChoices]) -> list[dict[str, Any]]:
    """Return a JSON record for each choice that all hosts have, the cheapest first.

    `lowest_match`, `les` and `any_match` are rates with their errors; `seconds` (CPU time) and
    `evaluations` of the potential are means over hosts.
    """
    found: dict[Choice, list[Outcome]] = {}
    for host in hosts:
        for outcome in host.outcomes:
            found.setdefault(outcome.choice, []).append(outcome)
    records = [
        _summarise_choice(choice, some) for choice, some in found.items() if len(some) == len(hosts)
    ]
    return sorted(records, key=lambda record: float(record["seconds"]))


def _summarise_choice(choice: Choice, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        **choice.model_dump(),
        "lowest_match": estimate_rate([outcome.match for outcome in outcomes]).as_json(),
        "les": estimate_rate([outcome.les for outcome in outcomes]).as_json(),
        "any_match": estimate_rate([outcome.any_match for outcome in outcomes]).as_json(),
        "seconds": float(np.mean([outcome.seconds for outcome in outcomes])),
        "evaluations": float(np.mean([outcome.evaluations for outcome in outcomes])),
    }


@dataclass
class Clock:
    """CPU seconds of each stage."""

    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time of a `with` block."""
        began = time.process_time()
        yield
        self.stages[name] = time.process_time() - began


def measure_choices(
    index: int,
    host: StructureBatch,
    reference: StructureBatch,
    settings: RestorationSettings,
    choices: Sequence[Choice],
) -> HostChoices:
    """Return what each choice would find for a host, from one set of samples.

    As many samples as any choice takes are generated and scored once; all that any choice would
    relax is relaxed once, from its sampled positions. A choice with fewer samples has the first
    ones with their proposals, and only its own evaluations count. Two things differ from a run with
    that choice: a relaxation may be stopped because of a candidate that the choice does not have,
    and it starts from the sampled sites, where the recipe continues from the scored
    ones; the steps of the score are therefore subtracted.

    Parameters
    ----------
    settings
        The recipe; choices replace its numbers of samples and candidates, and its score.
    choices
        Choices with at most one number of steps above 0.

    Raises
    ------
    ValueError
        If choices score with different numbers of steps.
    """
    steps = _count_score_steps(choices)
    load_models(settings)
    if settings.relax_inserted is None or settings.relax_all is None:
        raise ValueError("choices are measured for both relaxations: turn them on")
    most = max(choice.samples for choice in choices)
    sampling = settings.require_sampling().model_copy(update={"samples": most})
    clock = Clock()
    with clock.stage("sample"):
        drawn = generate(host, sampling)
    with clock.stage("filter"):
        start = propose_and_filter(drawn, settings.symmetry, settings.filter)
    with clock.stage("score"):
        inputs = RelaxationInputs(
            relaxation=RelaxationSettings(max_steps=steps), potential=settings.potential
        )
        scored = run_stage("score", start, inputs).structures
    chosen = [_select_candidates(start, scored, choice, settings) for choice in choices]
    with clock.stage("relax_inserted"):
        inserted = _relax(start, chosen, settings.relax_inserted, settings)
    kept = [_select_kept(inserted, rows, settings) for rows in chosen]
    with clock.stage("relax_all"):
        final = _relax(inserted, kept, settings.relax_all, settings)
    right = _find_matches(final, np.unique(np.concatenate(kept)), reference)
    bank = Bank(start, scored, inserted, final, clock.stages, sampling.samples, right)
    target = relax_reference(reference, settings).scalars["energy"][0]
    outcomes = [
        bank.outcome(choice, rows, ends, float(target))
        for choice, rows, ends in zip(choices, chosen, kept, strict=True)
    ]
    return HostChoices(
        index=index,
        label=reference.labels[0],
        sites=int(reference.site_counts[0]),
        inserted=int(reference.insert_counts[0]),
        outcomes=tuple(outcomes),
        stages=clock.stages,
        counts=_count(drawn, start, chosen, kept),
    )


def _count(
    drawn: StructureBatch,
    start: StructureBatch,
    chosen: Sequence[Rows],
    kept: Sequence[Rows],
) -> dict[str, int]:
    """Return how many samples were drawn, proposed, distinct, and relaxed in each stage."""
    return {
        "drawn": len(drawn),
        "proposed": len(start) - len(drawn),
        "distinct": int(_is_waiting(start).sum()),
        "relaxed": len(np.unique(np.concatenate(chosen))),
        "relaxed_all": len(np.unique(np.concatenate(kept))),
    }


@dataclass(frozen=True)
class Bank:
    """Structures of a host after each stage, the same S rows in all of them.

    Attributes
    ----------
    start, scored, inserted, final
        Samples after filtering, after the score, and after both relaxations.
    stages
        CPU seconds of each stage.
    samples
        Number of samples of the generator.
    right : (S,)
        Whether a sample matches the reference at the end, of those that any choice keeps.
    """

    start: StructureBatch
    scored: StructureBatch
    inserted: StructureBatch
    final: StructureBatch
    stages: dict[str, float]
    samples: int
    right: NDArray[np.bool_]

    def outcome(self, choice: Choice, rows: Rows, ends: Rows, target: float) -> Outcome:
        """Return the outcome of a choice that relaxes `rows`, and `ends` with all sites free."""
        ended = ends[
            np.isin(self.final.scalars["status"][ends], [str(status) for status in RELAXED])
        ]
        energies = self.final.scalars["energy"][ended]
        lowest = int(energies.argmin()) if len(ended) else None
        match = lowest is not None and bool(self.right[ended[lowest]])
        lower = lowest is not None and bool(energies[lowest] < target)
        seconds, evaluations = self._cost(choice, rows, ends)
        return Outcome(
            choice=choice,
            match=match,
            les=match or lower,
            any_match=bool(self.right[ended].any()),
            seconds=seconds,
            evaluations=evaluations,
        )

    def _cost(self, choice: Choice, rows: Rows, ends: Rows) -> tuple[float, int]:
        """Return CPU seconds and evaluations of a choice."""
        share = choice.samples / self.samples
        seconds = share * (self.stages["sample"] + self.stages["filter"])
        scores = self._count_scores(choice)
        relaxing = self.inserted.scalars["steps"]
        freeing = self.final.scalars["steps"] - relaxing
        saved = np.minimum(choice.score_steps or 0, np.maximum(relaxing[rows] - 1, 0)).sum()
        spent = {
            "score": (int(scores), self.scored.scalars["steps"].sum()),
            "relax_inserted": (int(relaxing[rows].sum() - saved), relaxing.sum()),
            "relax_all": (int(freeing[ends].sum()), freeing.sum()),
        }
        for stage, (count, total) in spent.items():
            seconds += self.stages[stage] * count / max(int(total), 1)
        return float(seconds), sum(count for count, _ in spent.values())

    def _count_scores(self, choice: Choice) -> int:
        """Count the evaluations that the score of a choice takes."""
        if choice.score_steps is None:
            return 0
        evaluated = self.scored.scalars["steps"][_find_available(self.start, choice.samples)]
        return int(np.minimum(evaluated, choice.score_steps + 1).sum())


def _find_matches(
    final: StructureBatch, rows: Rows, reference: StructureBatch
) -> NDArray[np.bool_]:
    found = np.zeros(len(final), dtype=bool)
    found[rows] = [is_match(final[int(row)], reference) for row in rows]
    return found


def _count_score_steps(choices: Sequence[Choice]) -> int:
    steps = {choice.score_steps for choice in choices} - {None, 0}
    if len(steps) > 1:
        raise ValueError(f"choices score with {sorted(map(str, steps))} steps: choose one of them")
    return max((step for step in steps if step), default=0)


def _is_waiting(samples: StructureBatch) -> NDArray[np.bool_]:
    return np.asarray(samples.scalars["status"] == SampleStatus.SAMPLED.value)


def _find_available(start: StructureBatch, samples: int) -> Rows:
    """Return the rows to be scored with fewer samples: the first ones, and their proposals.

    A duplicate repeats an earlier row, so that the first samples are filtered among themselves.
    """
    parent = start.scalars.get("parent", np.full(len(start), -1))
    origin = start.scalars.get("origin", np.full(len(start), GENERATED))
    number = np.where(parent >= 0, parent, start.scalars["sample"])
    first = (number < samples) | (origin == WYCKOFF)
    return np.flatnonzero(first & _is_waiting(start))


def _select_candidates(
    start: StructureBatch, scored: StructureBatch, choice: Choice, settings: RestorationSettings
) -> Rows:
    """Return the rows that a choice relaxes, selected as in the recipe."""
    rows = _find_available(start, choice.samples)
    if choice.score_steps is None:
        return rows
    found = scored if choice.score_steps else _score_unrelaxed(start, scored)
    limit = ALL if choice.candidates is None else choice.candidates
    return _filter_alive(select_lowest(found[rows], limit, 0.0, settings.filter.same), rows)


def _score_unrelaxed(start: StructureBatch, scored: StructureBatch) -> StructureBatch:
    """Return the samples as a score without steps leaves them."""
    energies = scored.scalars["energy_sampled"]
    relaxed = np.isin(scored.scalars["status"], [str(status) for status in RELAXED])
    statuses = np.where(relaxed, SampleStatus.NOT_CONVERGED.value, scored.scalars["status"])
    return replace(start, scalars={**scored.scalars, "energy": energies, "status": statuses})


def _relax(
    samples: StructureBatch,
    chosen: Sequence[Rows],
    relaxation: RelaxationSettings,
    settings: RestorationSettings,
) -> StructureBatch:
    """Relax those samples that any choice needs, and return all."""
    needed = np.isin(np.arange(len(samples)), np.concatenate(chosen))
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    waiting = samples.with_scalars(
        status=np.where(needed, statuses, SampleStatus.HIGHER_IN_ENERGY.value)
    )
    return relax(waiting, relaxation, settings.potential)


def _select_kept(inserted: StructureBatch, rows: Rows, settings: RestorationSettings) -> Rows:
    """Return the rows that a choice relaxes with all sites free."""
    lowest = select_lowest(
        inserted[rows], settings.keep, settings.keep_window, settings.filter.same
    )
    return _filter_alive(lowest, rows)


def _filter_alive(samples: StructureBatch, rows: Rows) -> Rows:
    return rows[np.isin(samples.scalars["status"], [str(status) for status in RELAXED])]
