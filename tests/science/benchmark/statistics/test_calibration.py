from __future__ import annotations

import numpy as np
import pytest
from benchmark_rows import make_rows

from aiida_hpaint.science.benchmark.statistics import HostRow
from aiida_hpaint.science.benchmark.statistics.calibration import measure_calibration
from aiida_hpaint.science.benchmark.statistics.criteria import is_right


def say(row: HostRow, confidence: float | None) -> HostRow:
    said = [
        one.model_copy(update={"confidence": confidence if one.rank == 0 else None})
        for one in row.samples
    ]
    return row.model_copy(update={"samples": tuple(said)})


def test_the_truth_has_no_error_and_a_constant_has_its_own() -> None:
    rows = make_rows(0.7, hosts=40)
    right = np.array([is_right(row) for row in rows])
    assert 0 < right.mean() < 1
    best = measure_calibration([say(row, float(one)) for row, one in zip(rows, right, strict=True)])
    constant = measure_calibration([say(row, float(right.mean())) for row in rows])
    assert best is not None
    assert constant is not None
    assert best["brier"] == 0
    assert constant["brier"] == pytest.approx(constant["brier_constant"])
    assert best["sure_share"]["value"] == right.mean()
    assert best["sure_right"]["value"] == 1


def test_groups_hold_all_hosts_and_nothing_said_is_nothing() -> None:
    rows = make_rows(0.7, hosts=40)
    found = measure_calibration(rows)
    assert found is not None
    assert sum(group["right"]["n"] for group in found["reliability"]) == 40
    assert measure_calibration([say(row, None) for row in rows]) is None
