"""Accuracy against cost of a funnel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choices import (
    CHOICES,
    Bank,
    Choice,
    HostChoices,
    Outcome,
    _find_available,
    measure_choices,
    read_choices,
    summarise_choices,
)
from selection import draw_choices, format_markdown, write_choices

from aiida_hpaint.science.benchmark import read_references
from aiida_hpaint.science.benchmark.measure import measure_host
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import RelaxationSettings
from aiida_hpaint.science.structures.batch import StructureBatch

EXAMPLES = Path(__file__).parents[2] / "examples" / "references"

CHEAP = Choice(samples=10, score_steps=0, candidates=1)
DEAR = Choice(samples=40, score_steps=5, candidates=3)


def outcome(choice: Choice, match: bool, les: bool, seconds: float) -> Outcome:
    return Outcome(
        choice=choice, match=match, les=les, any_match=les, seconds=seconds, evaluations=10
    )


def host(index: int, *outcomes: Outcome) -> HostChoices:
    return HostChoices(
        index=index, label="a", sites=5, inserted=2, outcomes=outcomes, stages={}, counts={}
    )


@pytest.fixture
def hosts() -> list[HostChoices]:
    return [
        host(0, outcome(DEAR, True, True, 8.0), outcome(CHEAP, False, True, 1.0)),
        host(1, outcome(DEAR, False, True, 4.0), outcome(CHEAP, False, False, 3.0)),
    ]


def rows_of(count: int, **scalars: Any) -> StructureBatch:
    return StructureBatch(
        labels=("a",) * count,
        cells=np.stack([4.0 * np.eye(3)] * count),
        site_counts=np.full(count, 2),
        numbers=np.tile([3, 1], count),
        frac_coords=np.zeros((2 * count, 3)),
        inserted=np.tile([False, True], count),
        scalars={name: np.array(values) for name, values in scalars.items()},
    )


def test_choices_are_averaged_over_hosts_the_cheapest_first(hosts: list[HostChoices]) -> None:
    cheap, dear = summarise_choices(hosts)
    assert (cheap["samples"], cheap["candidates"], cheap["seconds"]) == (10, 1, 2.0)
    assert (dear["les"]["value"], dear["lowest_match"]["value"]) == (1.0, 0.5)
    assert (cheap["les"]["value"], cheap["lowest_match"]["value"]) == (0.5, 0.0)
    assert dear["les"]["low"] < 1


def test_a_choice_that_some_hosts_lack_is_left_out(hosts: list[HostChoices]) -> None:
    lacking = hosts[1].model_copy(update={"outcomes": hosts[1].outcomes[:1]})
    assert [found["samples"] for found in summarise_choices([hosts[0], lacking])] == [40]


def test_tables_and_figure_hold_all_choices(hosts: list[HostChoices], tmp_path: Path) -> None:
    records = summarise_choices([*hosts, hosts[0]])
    assert format_markdown(records).count("\n") == 2 + len(records)
    write_choices(records, tmp_path / "choices.csv")
    assert (tmp_path / "choices.csv").read_text().count("\n") == 1 + len(records)
    figure = draw_choices(records)
    assert [len(axes.lines) for axes in figure.axes] == [2, 2]


def test_rows_are_read_as_they_were_written(hosts: list[HostChoices], tmp_path: Path) -> None:
    lines = [row.model_dump_json() + "\n" for row in reversed(hosts)]
    (tmp_path / CHOICES).write_text("".join(lines) + lines[0][:40])
    assert read_choices(tmp_path) == hosts
    assert read_choices(tmp_path / "elsewhere") == []


def test_the_first_samples_come_with_their_proposals() -> None:
    start = rows_of(
        6,
        sample=[0, 1, 2, 3, 4, 5],
        status=["sampled", "duplicate", "sampled", "sampled", "sampled", "sampled"],
        origin=["generated", "generated", "generated", "symmetrised", "symmetrised", "wyckoff"],
        parent=[-1, -1, -1, 0, 2, -1],
    )
    assert _find_available(start, 2).tolist() == [0, 3, 5]
    assert _find_available(start, 3).tolist() == [0, 2, 3, 4, 5]


def test_a_choice_pays_for_its_own_evaluations() -> None:
    start = rows_of(3, sample=[0, 1, 2], status=["sampled"] * 3)
    scored = rows_of(3, steps=[6, 6, 6])
    inserted = rows_of(3, steps=[20, 10, 30])
    final = rows_of(3, steps=[25, 10, 35])
    stages = {"sample": 3.0, "filter": 0.6, "score": 1.8, "relax_inserted": 6.0, "relax_all": 1.0}
    bank = Bank(start, scored, inserted, final, stages, 3, np.zeros(3, dtype=bool))
    both, one = np.array([0, 1]), np.array([0])

    # Two samples, evaluated once each; both relaxed, one of them with all sites free.
    drawn = Choice(samples=2, score_steps=0, candidates=2)
    assert bank._cost(drawn, both, one) == (pytest.approx(2.4 + 0.2 + 3.0 + 0.5), 2 + 30 + 5)
    # Scored by five steps, which the relaxations need no more.
    moved = Choice(samples=2, score_steps=5, candidates=2)
    assert bank._cost(moved, both, one) == (pytest.approx(2.4 + 1.2 + 2.0 + 0.5), 12 + 20 + 5)
    nothing = Choice(samples=2)
    assert bank._cost(nothing, both, one) == (pytest.approx(2.4 + 3.0 + 0.5), 30 + 5)


def test_two_kinds_of_steps_are_refused() -> None:
    references = read_references([EXAMPLES / "brucite.cif"])
    settings = load_protocol("fast", {"sampling": {"generator": "random"}})
    choices = [Choice(samples=2, score_steps=steps, candidates=1) for steps in (3, 5)]
    with pytest.raises(ValueError, match=r"\['3', '5'\] steps"):
        measure_choices(0, references.hosts[0], references.complete[0], settings, choices)


@pytest.mark.slow
def test_the_widest_choice_finds_what_the_funnel_finds() -> None:
    references = read_references([EXAMPLES / "brucite.cif"])
    job = (0, references.hosts[0], references.complete[0])
    settings = load_protocol("fast", {"sampling": {"samples": 6, "steps": 10}})
    choices = [Choice(samples=6, score_steps=0, candidates=2), Choice(samples=2)]
    found = measure_choices(*job, settings, choices)

    score = RelaxationSettings(max_steps=0)
    funnel = settings.model_copy(update={"score": score, "candidates": 2})
    row = measure_host(*job, funnel)
    assert row.lowest is not None
    assert found.outcomes[0].match is row.lowest.match
    assert sum(sample.candidate is True for sample in row.samples) <= 2
    assert found.outcomes[0].evaluations == row.evaluations
    assert found.counts["drawn"] == 6
    assert found.outcomes[1].seconds < sum(found.stages.values())
