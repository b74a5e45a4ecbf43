from __future__ import annotations

import json

import numpy as np
import pytest
from benchmark_rows import make_rows, with_potential

from aiida_hpaint.science.benchmark.statistics import HostRow, summarise
from aiida_hpaint.science.benchmark.statistics.agreement import collect_energies, compare_potentials


@pytest.fixture
def rows() -> list[HostRow]:
    rng = np.random.default_rng(3)
    rows = with_potential(make_rows(0.6, hosts=20), "same", shift=2.5, noise=0.0, rng=rng)
    return with_potential(rows, "noisy", shift=-1.0, noise=0.05, rng=rng)


def test_energies_are_above_each_potentials_own_reference(rows: list[HostRow]) -> None:
    pair = collect_energies(rows[0], "same")
    np.testing.assert_allclose(pair.ours, pair.theirs, atol=1e-12)
    expected = [s.energy_difference for s in rows[0].samples if s.energy is not None]
    np.testing.assert_allclose(pair.ours, expected, atol=1e-12)


def test_the_same_energies_agree_whatever_their_zero(rows: list[HostRow]) -> None:
    base, same, noisy = compare_potentials(rows, "base")
    assert [base["name"], same["name"], noisy["name"]] == ["base", "same", "noisy"]
    assert same["choice_match"] == base["choice_match"]
    assert same["another"]["value"] == 0
    for key in ("tau", "pearson", "spearman"):
        assert same[key]["value"] == pytest.approx(1)
        assert noisy[key]["value"] < 1
        assert noisy[key]["error"] > 0
    assert same["deviation"] == pytest.approx(0, abs=1e-12)
    assert noisy["deviation"] > 0.01
    assert "tau" not in base


def test_the_choice_of_a_host_is_that_of_the_summary(rows: list[HostRow]) -> None:
    summary = summarise(rows, "base")
    base = summary["potentials"][0]
    complete = [row for row in rows if row.lowest is not None]
    assert base["hosts"] == len(complete)
    right = sum(row.lowest is not None and row.lowest.match is True for row in complete)
    assert base["choice_match"]["value"] == pytest.approx(right / len(complete))
    json.dumps(summary, allow_nan=False)


def test_without_other_potentials_there_is_nothing_to_say() -> None:
    assert summarise(make_rows(0.5))["potentials"] == []


def test_what_could_not_be_evaluated_is_left_out(rows: list[HostRow]) -> None:
    known = rows[0].potentials["same"]
    blind = known.model_copy(update={"reference": None})
    row = rows[0].model_copy(update={"potentials": {"same": blind}})
    assert not len(collect_energies(row, "same").ours)
    assert len(compare_potentials([row], "base")) == 1
