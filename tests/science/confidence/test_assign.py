from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_hpaint.science.confidence import Evidence, add_confidence, describe_confidence
from aiida_hpaint.science.confidence.assign import list_reasons
from aiida_hpaint.science.evaluation import rank
from aiida_hpaint.science.structures.batch import StructureBatch

GOOD = Evidence(10, 10, 0, 2, 0.045, 2, 5, False, True)

PLACES = (0.20, 0.21, 0.22, 0.55, 0.01)
"""Of H along z: three samples agree, the fourth is a state of its own, nobody relaxed the last."""


@pytest.fixture
def hosts() -> StructureBatch:
    return StructureBatch(
        labels=("LiH",),
        cells=4.0 * np.eye(3)[None],
        site_counts=np.array([3]),
        numbers=np.array([3, 9, 1]),
        frac_coords=np.array([[0, 0, 0], [0.1, 0.3, 0.5], [np.nan, np.nan, np.nan]]),
        inserted=np.array([False, False, True]),
        scalars={},
    )


@pytest.fixture
def samples() -> StructureBatch:
    count = len(PLACES)
    coords = [[[0, 0, 0], [0.1, 0.3, 0.5], [0, 0, z]] for z in PLACES]
    statuses = ["converged", "duplicate", "higher in energy", "converged", "implausible"]
    return StructureBatch(
        labels=("LiH",) * count,
        cells=np.stack([4.0 * np.eye(3)] * count),
        site_counts=np.full(count, 3),
        numbers=np.tile([3, 9, 1], count),
        frac_coords=np.concatenate(coords),
        inserted=np.tile([False, False, True], count),
        scalars={
            "host": np.zeros(count, dtype=int),
            "sample": np.arange(count),
            "status": np.array(statuses),
            "energy": np.array([-9.0, np.nan, -8.9, -8.7, np.nan]),
        },
    )


def test_the_answer_gets_a_probability_and_its_evidence(
    samples: StructureBatch, hosts: StructureBatch
) -> None:
    found = add_confidence(rank(samples), hosts)
    assert np.isnan(found.scalars["confidence"]).tolist() == [False, True, True, True, True]
    evidence = found.metadata[0]["confidence"]["evidence"]
    assert (evidence["samples"], evidence["found"], evidence["states"]) == (5, 3, 2)
    assert evidence["single"] == 1
    assert evidence["gap"] == pytest.approx(0.1 / 3)
    line = describe_confidence(found[0])
    assert line.startswith("3 of 5 samples agree, next state 33 meV/atom above")
    assert describe_confidence(found[1]) == ""


def test_the_count_of_a_search_is_taken(samples: StructureBatch, hosts: StructureBatch) -> None:
    counted = rank(samples).with_scalars(found=[4, 4, 4, 1, 0])
    evidence = add_confidence(counted, hosts).metadata[0]["confidence"]["evidence"]
    assert (evidence["found"], evidence["single"]) == (4, 1)


def test_proposals_are_no_independent_samples(
    samples: StructureBatch, hosts: StructureBatch
) -> None:
    origins = ["wyckoff", "generated", "generated", "generated", "symmetrised"]
    found = add_confidence(rank(samples.with_scalars(origin=origins)), hosts)
    evidence = found.metadata[0]["confidence"]["evidence"]
    assert (evidence["samples"], evidence["found"]) == (3, 2)


def test_the_search_counts_the_samples_that_ended_in_the_answer(
    samples: StructureBatch, hosts: StructureBatch
) -> None:
    ended = rank(samples.with_scalars(repeats=[2, 2, 0, 0, 2], found=[3, 3, 1, 1, 3]))
    evidence = add_confidence(ended, hosts).metadata[0]["confidence"]["evidence"]
    assert (evidence["repeats"], evidence["found"]) == (2, 3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["10 of 10 samples agree", "next state 45 meV/atom above"]),
        (
            {"found": 1, "single": 2, "gap": 0.002},
            ["nothing was found twice", "next state 2 meV/atom above"],
        ),
        (
            {"found": 1, "states": 1, "gap": None},
            ["one of 10 independent samples found it", "no other state"],
        ),
        (
            {"found": 0, "repeats": 4},
            ["4 other arrangements led to it, none of 10 independent samples", "next state"],
        ),
        ({"gap": 0.0004}, ["10 of 10 samples agree", "next state less than 1 meV/atom above"]),
        ({"found": 0, "gap": None}, ["none of 10 independent samples found it", "no other state"]),
        ({"gap": -0.03}, ["10 of 10 samples agree", "a state that fails checks is 30 meV/atom"]),
        ({"displacement": 0.42}, ["10 of 10", "next", "host atoms moved by up to 0.4 Å"]),
        ({"displacement": 0.05}, ["10 of 10", "next"]),
        ({"inserted": 12}, ["10 of 10", "next", "12 sites to insert"]),
        ({"geometric": 2, "fixed": 2}, ["samples do not differ, as bonds fix all 2 H", "next"]),
        ({"geometric": 2, "fixed": 1}, ["10 of 10", "next", "2 H began in geometric positions"]),
        ({"single": 1}, ["10 of 10", "next", "1 other state was not found twice"]),
        ({"is_hydride": True, "passes": False}, ["10 of 10", "next", "H of a hydride", "it fails"]),
    ],
)
def test_reasons_in_words(changes: dict[str, float], expected: list[str]) -> None:
    reasons = list_reasons(replace(GOOD, **changes))
    assert len(reasons) == len(expected)
    assert all(one.startswith(start) for one, start in zip(reasons, expected, strict=True))
