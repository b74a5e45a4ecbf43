from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmark_rows import make_rows

from aiida_hpaint.science.benchmark.analyses import StoredRun, analyse_failures
from aiida_hpaint.science.benchmark.analyses.failures import RIGHT, list_outcomes, read_baseline
from aiida_hpaint.science.benchmark.statistics import summarise
from aiida_hpaint.science.benchmark.statistics.reasons import DEGENERATE, LOWER


def test_rates_and_kinds_are_those_of_the_summary() -> None:
    rows = make_rows(0.5, hosts=30)
    found = analyse_failures(list_outcomes(StoredRun("run", rows, {})))
    summary = summarise(rows)
    first = found.records[0]
    assert first["match"] == pytest.approx(summary["lowest_match"]["value"])
    assert first["les"] == pytest.approx(summary["les"]["value"])
    of_size = {one["size"]: one for one in found.records if one["by"] == "inserted"}
    for group in summary["splits"]["inserted"]:
        assert of_size[group["name"]]["les"] == pytest.approx(group["les"]["value"])
    kinds = [one["kind"] for one in found.details["hosts"]]
    assert sorted(kind for kind in kinds if kind != RIGHT) == sorted(
        one["reason"] for one in summary["failures"]
    )


def write_line(match: bool | None, above: float | None, **more: Any) -> dict[str, Any]:
    return {"match": match, "above": above, **more}


def test_the_baseline_is_read_from_its_benchmark(tmp_path: Path) -> None:
    ends = [
        (write_line(True, 0.1, status=None), RIGHT),
        (write_line(False, -3.0, status=0), LOWER),
        (write_line(False, 0.4, status=0), DEGENERATE),
        (write_line(False, 40.0, status=0), "higher in energy than the reference"),
        (write_line(None, None, status=403, message="no maximum"), "did not finish: no maximum"),
        (write_line(None, None, status=401), "did not finish: exit status 401"),
    ]
    lines = [
        {
            "label": f"h{place}",
            "formula": "HLi",
            "sites": 2,
            "missing": 1,
            "diffusion": write_line(True, 0.0),
            "baseline": end,
        }
        for place, (end, _) in enumerate(ends)
    ]
    path = tmp_path / "small.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcomes = read_baseline(path)
    baseline = [one for one in outcomes if one.method == "small: baseline"]
    assert [one.kind for one in baseline] == [kind for _, kind in ends]
    assert [one.les for one in baseline] == [True, True, False, False, False, False]
    records = analyse_failures(outcomes).records
    rates = {one["method"]: one["match"] for one in records if one["by"] == "all"}
    assert rates == {"small: diffusion": 1.0, "small: baseline": pytest.approx(1 / 6)}
    path.write_text('{"label": "h"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1, is no result of benchmarks/baseline\.py"):
        read_baseline(path)
