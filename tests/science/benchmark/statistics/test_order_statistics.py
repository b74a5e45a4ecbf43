from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.benchmark.statistics.criteria import is_correct, is_success
from aiida_hpaint.science.benchmark.statistics.order_statistics import (
    compute_any_probabilities,
    compute_lowest_probabilities,
    sort_outcomes,
)
from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow


def host(*samples: SampleRow) -> HostRow:
    values = {"index": 0, "label": "a", "formula": "H2Mg", "chemistry": "x", "sites": 3}
    values |= {"inserted": 2, "reference_energy": -9.0, "reference_energy_unrelaxed": -8.7}
    values |= {"seconds_sampling": 0.1, "seconds_relaxing": 1.0}
    values |= {"network_calls": 25, "evaluations": 30}
    return HostRow.model_validate({**values, "samples": samples})


@given(st.lists(st.booleans(), min_size=1, max_size=7))
def test_expectations_are_those_over_all_choices(good: list[bool]) -> None:
    total, values = len(good), np.array(good, dtype=float)
    lowest, found = (
        compute_lowest_probabilities(total) @ values,
        compute_any_probabilities(total, sum(good)),
    )
    for k in range(1, total + 1):
        choices = list(combinations(range(total), k))
        assert lowest[k - 1] == pytest.approx(np.mean([good[min(c)] for c in choices]))
        assert found[k - 1] == pytest.approx(np.mean([any(good[i] for i in c) for c in choices]))


@given(st.integers(1, 60))
def test_one_of_the_samples_is_the_lowest(total: int) -> None:
    np.testing.assert_allclose(compute_lowest_probabilities(total).sum(1), 1.0)


def test_what_was_not_ranked_comes_later_and_duplicates_stand_for_others() -> None:
    row = host(
        SampleRow(sample=0, status="too close", same_as=0),
        SampleRow(sample=1, status="higher in energy", same_as=1, energy=-20.0, match=False),
        SampleRow(sample=2, status="duplicate", same_as=4),
        SampleRow(sample=3, status="converged", same_as=3, rank=1, energy=-8.0, match=True),
        SampleRow(sample=4, status="duplicate", same_as=5, energy=-9.0, match=False),
        SampleRow(sample=5, status="converged", same_as=5, rank=0, energy=-9.1, match=True),
    )
    assert [sample.sample for sample in sort_outcomes(row)] == [5, 5, 5, 3, 1, 0]


def test_a_circle_of_duplicates_ends() -> None:
    row = host(
        SampleRow(sample=0, status="duplicate", same_as=1),
        SampleRow(sample=1, status="duplicate", same_as=0),
    )
    assert row.outcome(row.samples[0]).sample in (0, 1)


def test_without_a_candidate_nothing_counts() -> None:
    lower = SampleRow(
        sample=0,
        status="higher in energy",
        same_as=0,
        match=True,
        energy=-9.0,
        energy_difference=-0.1,
    )
    row = host(lower)
    assert not is_correct(row, lower)
    assert not is_success(row, lower)


def test_lower_or_matching_is_a_success() -> None:
    def row(match: bool, difference: float | None) -> HostRow:
        return host(
            SampleRow(
                sample=0,
                status="converged",
                same_as=0,
                rank=0,
                match=match,
                energy=-9.0,
                energy_difference=difference,
            )
        )

    cases = [(True, 0.1, True), (False, -0.1, True), (False, 0.1, False), (False, None, False)]
    for match, difference, expected in cases:
        made = row(match, difference)
        assert is_success(made, made.samples[0]) is expected
