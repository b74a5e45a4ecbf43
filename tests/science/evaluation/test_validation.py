from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

from aiida_hpaint.science.evaluation.validation import (
    COLUMNS,
    DftResult,
    format_validation_csv,
    group_by_host,
    select_for_dft,
    summarise_validation,
    tabulate_validation,
)
from aiida_hpaint.science.structures import StructureBatch, from_ase

A = 4.02


def crystal(prototype: str = "rocksalt", shift: float = 0.0) -> StructureBatch:
    atoms = bulk("LiH", prototype, a=A)
    atoms.positions[1] += shift
    return replace(from_ase([atoms]), labels=("LiH",))


def result(
    energy: float | None,
    start: StructureBatch | None = None,
    end: StructureBatch | None = None,
    **facts: Any,
) -> DftResult:
    begin = crystal() if start is None else start
    status = "failed" if energy is None else "converged"
    cost = {"jobs": 1, "ionic_steps": 4, "scf_iterations": 20, "seconds": 2.5}
    report = {"status": status, "energy": energy, "message": "too hot" if energy is None else ""}
    known = {"host": 0, "role": "candidate", "rank": 0, **facts}
    return DftResult(start=begin, end=end or begin, report={**report, **cost}, **known)


def reference(energy: float | None = -10.0, **facts: Any) -> DftResult:
    return result(energy, role="reference", rank=-1, **facts)


@pytest.fixture
def ranked() -> StructureBatch:
    batch = from_ase([bulk("LiH", "rocksalt", a=A)] * 6)
    return batch.with_scalars(
        host=[0, 0, 0, 1, 1, 2],
        rank=[1, 0, 2, -1, 0, -1],
        energy_above_best=[0.01, 0.0, 0.2, np.nan, 0.0, np.nan],
    )


@pytest.mark.parametrize(
    ("candidates", "margin", "rows"),
    [
        (1, 0.03, [1, 4]),
        (2, 0.03, [1, 0, 4]),
        (3, 0.03, [1, 0, 4]),
        (3, 0.5, [1, 0, 2, 4]),
        (2, 0.0, [1, 4]),
        (None, 0.0, [1, 0, 2, 4]),
    ],
)
def test_candidates_are_the_lowest_within_the_margin(
    ranked: StructureBatch, candidates: int | None, margin: float, rows: list[int]
) -> None:
    assert select_for_dft(ranked, candidates, margin).tolist() == rows


def test_dft_chooses_among_the_candidates() -> None:
    low, high = result(-10.2, rank=1), result(-10.0, rank=0)
    (host,) = group_by_host([high, result(None, rank=2), low])
    assert [candidate.rank for candidate in host.candidates] == [1, 0, 2]
    assert host.best is low
    assert host.difference is None
    assert not host.succeeds


@pytest.mark.parametrize(
    ("energy", "prototype", "match", "succeeds"),
    [
        (-10.0001, "rocksalt", True, True),
        (-9.9, "rocksalt", True, True),
        (-9.9, "zincblende", False, False),
        (-10.1, "zincblende", False, True),
    ],
)
def test_success_is_a_match_or_a_lower_energy(
    energy: float, prototype: str, match: bool, succeeds: bool
) -> None:
    (host,) = group_by_host([result(energy, crystal(prototype)), reference()])
    assert host.difference == pytest.approx((energy + 10.0) / 2)
    assert host.matches_after(host.candidates[0]) is match
    assert host.succeeds is succeeds


def test_a_candidate_may_become_the_reference() -> None:
    (host,) = group_by_host([result(-10.0, crystal("zincblende"), crystal()), reference()])
    candidate = host.candidates[0]
    assert host.matches_before(candidate) is False
    assert host.matches_after(candidate) is True
    assert candidate.kept is False


def test_how_far_sites_moved_minds_periodic_images() -> None:
    start, end = crystal(), crystal(shift=0.1)
    beyond = np.array([[1.0, -2.0, 0.0], [0.0, 0.0, 3.0]])
    moved = end.with_coords(end.frac_coords + beyond + np.array([0.2, 0.3, 0.4]))
    assert result(-1.0, start, moved).moved == pytest.approx(0.05 * np.sqrt(3))


def test_what_failed_is_told_and_the_others_count() -> None:
    results = [
        result(-10.0),
        reference(),
        result(None, host=1),
        reference(host=1),
        result(-9.0, host=2),
        reference(None, host=2),
    ]
    summary = summarise_validation(group_by_host(results))
    assert (summary["hosts"], summary["with_reference"], summary["compared"]) == (3, 3, 1)
    assert (summary["match"]["value"], summary["les"]["n"]) == (1.0, 1)
    assert summary["energy_difference"]["mean"] == pytest.approx(0.0)
    assert [(f["role"], f["rank"]) for f in summary["failed"]] == [
        ("candidate", 0),
        ("reference", -1),
    ]
    assert summary["failed"][0]["message"] == "too hot"
    assert summary["cost"] == {
        "structures": 6,
        "jobs": 6,
        "ionic_steps": 24,
        "scf_iterations": 120,
        "seconds": 15.0,
    }


def test_agreement_of_potential_and_dft() -> None:
    agreeing = [result(-10.0, rank=0), result(-9.0, rank=1)]
    swapped = [result(-10.0, rank=0, host=1), result(-11.0, rank=1, host=1)]
    alike = [result(-10.0, rank=0, host=2), result(-10.0001, rank=1, host=2)]
    failing = [result(None, rank=0, host=3), result(-10.0, rank=1, host=3)]
    summary = summarise_validation(group_by_host(agreeing + swapped + alike + failing))
    assert summary["first_stays_first"]["n"] == 3
    assert summary["first_stays_first"]["value"] == pytest.approx(2 / 3)
    assert summary["compared"] == 0
    assert summary["les"] is None


def test_nothing_at_all_has_a_summary() -> None:
    summary = summarise_validation([])
    assert summary["hosts"] == 0
    assert summary["cost"]["jobs"] == 0
    assert format_validation_csv([]).count("\n") == 1


def test_the_table_has_a_line_for_each_structure() -> None:
    hosts = group_by_host(
        [result(-9.8, rank=1), result(-10.2, rank=0), result(None, rank=2), reference()]
    )
    rows = tabulate_validation(hosts)
    assert [tuple(row) for row in rows] == [COLUMNS] * 4
    assert [row["dft_rank"] for row in rows] == [0, 1, None, None]
    assert rows[1]["above_best"] == pytest.approx(0.2)
    assert rows[0]["above_reference"] == pytest.approx(-0.1)
    read = list(csv.DictReader(io.StringIO(format_validation_csv(hosts))))
    assert read[2]["energy"] == ""
    assert read[2]["message"] == "too hot"
    assert read[3]["role"] == "reference"
