from __future__ import annotations

from typing import Any

import pytest

from aiida_hpaint.science.benchmark.statistics import HostRow, SampleRow
from aiida_hpaint.science.benchmark.statistics.criteria import ANSWER, LOWEST, is_right

LOWER: dict[str, Any] = {"match": False, "energy_difference": -0.1, "worst_inserted": 1.0}
SOUND: dict[str, Any] = {**LOWER, "host_match": True, "passes": True}
ABOVE: dict[str, Any] = {**SOUND, "energy_difference": 0.0005}


def host(**values: Any) -> HostRow:
    sample = {"sample": 0, "status": "converged", "same_as": 0, "rank": 0, "energy": -9.0}
    known: dict[str, Any] = {"index": 0, "label": "a", "formula": "H2Mg", "chemistry": "x"}
    known |= {"sites": 3, "inserted": 2, "reference_energy": -8.7, "network_calls": 25}
    known |= {"reference_energy_unrelaxed": -8.6, "seconds_sampling": 0.1, "evaluations": 30}
    one = SampleRow.model_validate({**sample, **values})
    return HostRow.model_validate({**known, "seconds_relaxing": 1.0, "samples": [one]})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"match": True, "worst_inserted": 1.6}, {"lowest_match", "les", "les_host_kept"}),
        ({"match": False, "match_relaxed": True}, set()),
        ({"match": False, "worst_inserted_relaxed": 0.2}, {"lowest_close"}),
        (LOWER, {"les"}),
        ({**LOWER, "host_match": True, "passes": False}, {"les", "les_host_kept"}),
        (SOUND, {"les", "les_host_kept"}),
        (ABOVE, set()),
    ],
)
def test_what_is_asked_of_the_lowest(values: dict[str, Any], expected: set[str]) -> None:
    row = host(**values)
    assert {name for name, test in LOWEST.items() if test(row, row.samples[0])} == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"match": True, "worst_inserted": 1.6}, {"les_strict", "les_within"}),
        ({"match": False, "match_relaxed": True}, {"les_strict", "les_within"}),
        ({"match": False, "worst_inserted_relaxed": 0.2}, {"les_close"}),
        ({**LOWER, "host_match": True, "passes": False}, set()),
        ({**LOWER, "host_match": False, "passes": True}, set()),
        (SOUND, {"les_strict", "les_within", "les_close"}),
        (ABOVE, {"les_within"}),
    ],
)
def test_what_is_asked_of_the_answer(values: dict[str, Any], expected: set[str]) -> None:
    row = host(**values)
    assert {name for name, test in ANSWER.items() if test(row, row.samples[0])} == expected
    assert is_right(row) is ("les_strict" in expected)
