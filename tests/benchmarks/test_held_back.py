"""Arrangements that a score held back, in rows that are made up."""

from __future__ import annotations

from typing import Any

from held_back import count_held_back

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow


def host(formula: str, *samples: dict[str, Any]) -> HostRow:
    rows = [
        SampleRow(**{"sample": n, "status": "converged", "same_as": n, **one})
        for n, one in enumerate(samples)
    ]
    return HostRow(
        index=0,
        label=formula,
        formula=formula,
        chemistry="",
        sites=2,
        inserted=1,
        reference_energy=-3.0,
        reference_energy_unrelaxed=-2.9,
        seconds_sampling=0.0,
        seconds_relaxing=0.0,
        network_calls=0,
        evaluations=0,
        samples=tuple(rows),
    )


def test_a_host_is_lost_if_its_answer_is_above_and_the_reference_was_held_back() -> None:
    drawn = {"match_unrelaxed": True, "status": "higher in energy", "candidate": False}
    above = {"rank": 0, "energy": -2.0, "energy_difference": 0.5, "candidate": True}
    lower = {**above, "energy_difference": -0.1}
    repeats = {"match_unrelaxed": True, "status": "duplicate", "same_as": 1}
    stray = {"match_unrelaxed": True, "status": "implausible", "candidate": False}
    found = count_held_back(
        [
            host("LiH", drawn, above),
            host("NaH", drawn, lower),
            host("KH", repeats, {**above, "match_unrelaxed": True}),
            host("RbH", stray, above),
            host("CsH", drawn),
        ]
    )
    assert found.hosts == 5
    assert found.drawn == ["LiH", "NaH", "KH", "CsH"]
    assert found.held_back == ["LiH", "NaH", "CsH"]
    assert found.lost == ["LiH", "CsH"]
