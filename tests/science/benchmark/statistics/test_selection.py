"""Rows of a funnel: proposals, scores, candidates."""

from __future__ import annotations

from typing import Any

import pytest

from aiida_hpaint.science.benchmark.statistics import HostRow, SampleRow, summarise
from aiida_hpaint.science.benchmark.statistics.order_statistics import (
    find_candidates,
    has_selection,
)
from aiida_hpaint.science.benchmark.statistics.reasons import explain_failure, find_reason

RIGHT: dict[str, Any] = {"match": True, "host_match": True, "energy_difference": 0.0}
WRONG: dict[str, Any] = {"match": False, "host_match": True, "energy_difference": 0.1}


def sample(number: int, scored: float | None, energy: float | None, **values: Any) -> SampleRow:
    known: dict[str, Any] = {"sample": number, "same_as": number, "status": "higher in energy"}
    known |= {"energy_scored": scored, "energy": energy, "energy_sampled": scored}
    return SampleRow.model_validate({**known, **values})


def host(*samples: SampleRow) -> HostRow:
    known: dict[str, Any] = {"index": 0, "label": "a", "formula": "H2MgO2", "chemistry": "x"}
    known |= {"sites": 5, "inserted": 2, "reference_energy": -9.0, "network_calls": 50}
    known |= {"reference_energy_unrelaxed": -8.9, "seconds_sampling": 0.1, "evaluations": 9}
    return HostRow.model_validate({**known, "seconds_relaxing": 1.0, "samples": samples})


@pytest.fixture
def row() -> HostRow:
    """The second best score leads to the lowest energy, a proposal of the fourth is right."""
    return host(
        sample(0, -8.0, -8.5, candidate=True, **WRONG),
        sample(1, -7.9, -8.8, candidate=True, status="converged", rank=0, **WRONG),
        sample(2, -7.0, -7.0, candidate=False, **RIGHT, match_unrelaxed=True),
        sample(3, None, None, status="implausible", match_unrelaxed=True, candidate=False),
        sample(4, -7.8, -8.6, candidate=True, origin="symmetrised", parent=3, **RIGHT),
    )


def test_candidates_are_those_relaxed_in_the_order_of_their_scores(row: HostRow) -> None:
    assert [found.sample for found in find_candidates(row)] == [0, 1, 4]
    assert has_selection(row)


def test_k_counts_candidates(row: HostRow) -> None:
    other = row.model_copy(
        update={"samples": tuple(s.model_copy(update=RIGHT) for s in row.samples[:4])}
    )
    summary = summarise([row, other])
    assert summary["k"] == "candidates"
    assert summary["samples"] == 4
    assert summary["proposals_per_host"] == 0.5
    assert [point["value"] for point in summary["any_match_by_k"]] == [0.5, 0.5, 1.0]
    assert [point["value"] for point in summary["lowest_match_by_k"]] == [0.5, 0.5, 0.5]
    assert summary["lowest_match_by_k"][-1]["value"] == summary["lowest_match"]["value"]
    assert summary["any_match"]["value"] == 1.0


def test_proposals_are_no_samples(row: HostRow) -> None:
    summary = summarise([row])
    assert summary["single_sample_match_unrelaxed"]["value"] == 2 / 4
    assert summary["single_sample_match"]["value"] == 1 / 4
    assert len(summary["any_match_unrelaxed_by_k"]) == 4


def test_an_empty_funnel_has_no_candidates() -> None:
    empty = host(sample(0, None, None, status="too close", candidate=False))
    summary = summarise([empty])
    assert [point["value"] for point in summary["les_by_k"]] == [0.0]
    assert summary["les"]["value"] == 0


def test_reasons_of_a_funnel(row: HostRow) -> None:
    assert find_reason(row) == "relaxed, but not ranked first"
    drawn = row.model_copy(update={"samples": row.samples[:4]})
    assert find_reason(drawn) == "sampled, but not relaxed"
    failure = explain_failure(drawn)
    assert failure is not None
    assert (failure["les"], failure["energy_difference"]) == (False, 0.1)
    moved = {"host_match": False}
    gone = host(sample(0, -8.0, -8.5, status="converged", rank=0, **{**WRONG, **moved}))
    assert find_reason(gone) == "host moved away"


def test_rows_of_earlier_versions_are_read(row: HostRow) -> None:
    new = {"origin", "parent", "energy_scored", "candidate", "space_group"}
    old = row.model_dump(exclude={"potentials": True, "samples": {"__all__": new}})
    read = HostRow.model_validate(old)
    assert not has_selection(read)
    assert read.drawn == list(read.samples)
