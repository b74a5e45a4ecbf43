from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from aiida_hpaint.science.evaluation import estimate_rate, is_lower_energy_success
from aiida_hpaint.science.evaluation.success import compute_wilson_interval


def test_the_error_is_that_of_a_binomial() -> None:
    successes = np.arange(400) % 4 > 0
    rate = estimate_rate(successes)
    assert rate.value == 0.75
    assert rate.error == pytest.approx(np.sqrt(0.75 * 0.25 / 400), rel=0.1)
    assert rate.n == 400


def test_samples_of_a_host_are_not_independent() -> None:
    hosts = np.arange(50) % 2 == 0
    repeated = np.repeat(hosts[:, None], 10, axis=1)
    assert estimate_rate(repeated).error == estimate_rate(hosts).error


def test_a_lower_energy_counts_and_a_missing_prediction_does_not() -> None:
    matched = [True, False, False, False]
    differences = [0.1, -0.01, 0.01, np.nan]
    assert is_lower_energy_success(matched, differences).tolist() == [True, True, False, False]


def test_the_interval_is_that_of_scipy() -> None:
    for good, n in ((0, 7), (3, 7), (7, 7), (80, 80), (57, 80)):
        theirs = binomtest(good, n).proportion_ci(0.95, method="wilson")
        assert compute_wilson_interval(good / n, n) == pytest.approx(
            (theirs.low, theirs.high), abs=1e-6
        )


def test_all_of_a_few_hosts_are_not_all_hosts() -> None:
    rate = estimate_rate([True] * 80)
    assert (rate.value, rate.error, rate.high) == (1.0, 0.0, 1.0)
    assert rate.low == pytest.approx(0.954, abs=1e-3)
    assert rate.interval == "95 to 100"
    assert rate.as_json() == {"value": 1.0, "error": 0.0, "n": 80, "low": rate.low, "high": 1.0}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_interval_holds_the_rate_and_stays_a_share(values: list[float]) -> None:
    rate = estimate_rate(values)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
