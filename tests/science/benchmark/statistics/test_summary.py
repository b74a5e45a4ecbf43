from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from aiida_hpaint.science.benchmark.statistics import (
    HostRow,
    SampleRow,
    read_rows,
    summarise,
    write_samples,
)
from aiida_hpaint.science.benchmark.statistics.rows import ROWS
from aiida_hpaint.science.plausibility.bonding import METALLIC, OXYGEN


def sample(number: int, rank: int = -1, **values: Any) -> SampleRow:
    status = "converged" if rank >= 0 else "too close"
    return SampleRow.model_validate(
        {"sample": number, "status": status, "same_as": number, "rank": rank, **values}
    )


def host(index: int, *samples: SampleRow, **values: Any) -> HostRow:
    known = {"index": index, "label": f"mp-{index}", "formula": "H2MgO2", "sites": 5}
    known |= {"chemistry": OXYGEN, "inserted": 2, "reference_energy": -27.0}
    known |= {"reference_energy_unrelaxed": -26.5, "seconds_sampling": 0.2}
    known |= {"seconds_relaxing": 1.8, "network_calls": 50, "evaluations": 30}
    return HostRow.model_validate({**known, **values, "samples": samples})


RIGHT = {"match": True, "host_match": True, "rmsd": 0.02, "rmsd_inserted": 0.1}
WRONG = {"match": False, "host_match": True, "rmsd_inserted": 0.9}


@pytest.fixture
def rows() -> list[HostRow]:
    """Of four hosts one is right, one lower and one higher than its reference, and one empty."""
    higher = {"energy": -26.0, "energy_sampled": -25.0, "energy_difference": 0.2}
    lower = {"energy": -28.0, "energy_sampled": -25.0, "energy_difference": -0.2}
    same = {"energy": -27.0, "energy_sampled": -26.0, "energy_difference": 0.0}
    return [
        host(
            0, sample(0, 1, **WRONG, **higher), sample(1, 0, match_unrelaxed=True, **RIGHT, **same)
        ),
        host(
            1, sample(0, 0, **WRONG, **lower), sample(1, 1, **RIGHT, **same), sites=12, inserted=9
        ),
        host(2, sample(0, 0, **WRONG, **higher), sample(1), chemistry=METALLIC),
        host(3, sample(0), sample(1), chemistry=METALLIC, inserted=4),
    ]


def values(summary: dict[str, Any]) -> dict[str, float]:
    return {k: v["value"] for k, v in summary.items() if isinstance(v, dict) and "value" in v}


def test_rates(rows: list[HostRow]) -> None:
    summary = summarise(rows)
    assert values(summary) == {
        "single_sample_match_unrelaxed": 1 / 8,
        "any_match_unrelaxed": 1 / 4,
        "single_sample_match": 2 / 8,
        "lowest_match": 1 / 4,
        "lowest_close": 0.0,
        "any_match": 2 / 4,
        "les": 2 / 4,
        "les_host_kept": 2 / 4,
        "les_strict": 1 / 4,
        "les_within": 1 / 4,
        "les_close": 0.0,
        "host_match": 1.0,
        "passes": 0.0,
        "single_sample_carriers_unrelaxed": None,
        "lowest_carriers": None,
        "answer_group": None,
    }
    assert summary["lowest_match"]["n"] == 4
    assert summary["host_match"]["n"] == 3
    assert summary["les"]["error"] == pytest.approx(0.25, abs=0.01)


def test_held_hosts_are_beside_relaxed_references_too(rows: list[HostRow]) -> None:
    assert "held" not in summarise(rows)
    values_of_held = {"energy": -26.5, "energy_difference": -0.1, "passes": True}
    lower = sample(0, 0, **{**WRONG, "host_match": True}, **values_of_held)
    held = host(4, lower).model_copy(update={"evidence": {"held": True}})
    summary = summarise([*rows, held])
    assert summary["held"] == 1
    found = values(summary)
    assert (found["les"], found["les_all_relaxed"]) == (3 / 5, 2 / 5)
    assert (found["les_strict"], found["les_strict_all_relaxed"]) == (2 / 5, 1 / 5)


def test_rates_of_carriers_are_of_hosts_that_lack_hydrogen(rows: list[HostRow]) -> None:
    right = sample(0, 0, misplaced_unrelaxed=0, misplaced=0)
    wrong = sample(1, 1, misplaced_unrelaxed=2, misplaced=1)
    found = values(summarise([*rows, host(4, right, wrong)]))
    assert found["single_sample_carriers_unrelaxed"] == 1 / 2
    assert found["lowest_carriers"] == 1.0


def test_space_groups_count_where_that_of_the_reference_is_known(rows: list[HostRow]) -> None:
    known = [
        host(4 + i, sample(0, 0, space_group=group)).model_copy(update={"reference_group": 14})
        for i, group in enumerate((14, 4, None))
    ]
    assert values(summarise([*rows, *known]))["answer_group"] == 1 / 3


def test_figures_of_all_samples_end_the_curves(rows: list[HostRow]) -> None:
    summary = summarise(rows)
    for key in ("lowest_match", "any_match", "les", "any_match_unrelaxed"):
        curve = summary[f"{key}_by_k"]
        assert [point["k"] for point in curve] == [1, 2]
        assert curve[-1]["value"] == pytest.approx(summary[key]["value"])
    for key in ("lowest_match", "any_match"):
        assert summary[f"{key}_by_k"][0]["value"] == summary["single_sample_match"]["value"]


def test_splits_hold_all_hosts_once(rows: list[HostRow]) -> None:
    splits = summarise(rows)["splits"]
    assert [(group["name"], group["hosts"]) for group in splits["sites"]] == [
        ("1 to 10", 3),
        ("11 to 20", 1),
    ]
    assert [group["name"] for group in splits["inserted"]] == ["2", "3 to 4", "9 or more"]
    assert [(group["name"], group["lowest_match"]["value"]) for group in splits["chemistry"]] == [
        (OXYGEN, 0.5),
        (METALLIC, 0.0),
    ]


def test_failures_have_reasons(rows: list[HostRow]) -> None:
    first = {"match_unrelaxed": True, "energy_sampled": -25.0}
    drawn = host(4, sample(0, 0, **first, **WRONG), sample(1))
    moved = host(5, sample(0, 0, **{**WRONG, "host_match": False}), sample(1))
    second = host(6, sample(0, 0, **WRONG), sample(1, 1, **RIGHT))
    reasons = {
        f["label"]: f["reason"] for f in summarise([*rows, drawn, moved, second])["failures"]
    }
    assert reasons == {
        "mp-1": "lower in energy than the reference",
        "mp-2": "not sampled",
        "mp-3": "no candidate",
        "mp-4": "sampled, but lost in relaxation",
        "mp-5": "host moved away",
        "mp-6": "relaxed, but not ranked first",
    }


def test_failures_have_the_energies_of_lowest_and_answer() -> None:
    answer = sample(0, 0, **{**WRONG, "energy_difference": 0.3, "passes": True, "energy": -9.0})
    lower = sample(1, 1, **{**WRONG, "energy_difference": 0.2, "passes": False, "energy": -9.5})
    (found,) = summarise([host(4, answer, lower)])["failures"]
    assert (found["energy_difference"], found["answer_energy_difference"]) == (0.2, 0.3)


def test_costs_and_energies(rows: list[HostRow]) -> None:
    summary = summarise(rows)
    assert summary["seconds"]["per_host"] == pytest.approx(2.0)
    assert summary["seconds"]["sampling_per_sample"] == pytest.approx(0.1)
    assert summary["calls"]["network_per_sample"] == 25
    assert summary["energies"]["released_reference"]["n"] == 4
    assert summary["energies"]["difference"]["median"] == 0.0
    assert summary["distances"]["rmsd_inserted_unmatched"]["n"] == 2
    assert summary["statuses"] == {"converged": 5, "too close": 3}
    json.dumps(summary, allow_nan=False)


def test_hosts_may_differ_in_their_number_of_samples(rows: list[HostRow]) -> None:
    summary = summarise([*rows, host(9, sample(0))])
    assert summary["samples"] == 9 / 5
    assert [point["k"] for point in summary["any_match_unrelaxed_by_k"]] == [1]
    with pytest.raises(ValueError, match="no samples of mp-9"):
        summarise([*rows, host(9)])
    with pytest.raises(ValueError, match="no hosts"):
        summarise([])


def test_rows_are_read_as_they_were_written(rows: list[HostRow], tmp_path: Path) -> None:
    lines = [row.model_dump_json() + "\n" for row in reversed(rows)]
    (tmp_path / ROWS).write_text("".join(lines) + lines[0][:70])
    assert read_rows(tmp_path) == rows
    assert read_rows(tmp_path / "elsewhere") == []


def test_a_line_that_is_no_row_is_named(rows: list[HostRow], tmp_path: Path) -> None:
    (tmp_path / ROWS).write_text(rows[0].model_dump_json() + '\n{"index": 1}\n')
    with pytest.raises(ValueError, match="line 2, is not a row"):
        read_rows(tmp_path)


def test_a_line_for_each_sample(rows: list[HostRow], tmp_path: Path) -> None:
    write_samples(rows, tmp_path / "samples.csv")
    with (tmp_path / "samples.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 8
    assert lines[1]["label"] == "mp-0"
    assert lines[1]["match"] == "True"
    assert float(lines[2]["energy_difference"]) == -0.2
    assert lines[7]["energy"] == ""
