from __future__ import annotations

import numpy as np
import pytest

from aiida_hpaint.evaluation import lower_energy_or_match, success_rate


def test_the_error_is_that_of_a_binomial() -> None:
    successes = np.arange(400) % 4 > 0
    rate = success_rate(successes)
    assert rate.value == 0.75
    assert rate.error == pytest.approx(np.sqrt(0.75 * 0.25 / 400), rel=0.1)
    assert rate.n == 400


def test_samples_of_a_host_are_not_independent() -> None:
    hosts = np.arange(50) % 2 == 0
    repeated = np.repeat(hosts[:, None], 10, axis=1)
    assert success_rate(repeated).error == success_rate(hosts).error


def test_a_lower_energy_counts_and_a_missing_prediction_does_not() -> None:
    matched = [True, False, False, False]
    differences = [0.1, -0.01, 0.01, np.nan]
    assert lower_energy_or_match(matched, differences).tolist() == [True, True, False, False]
