from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmark_rows import make_rows, write_folder
from scipy.stats import wilcoxon

from aiida_hpaint.science.benchmark.analyses import analyse_sampling, read_stored_runs
from aiida_hpaint.science.benchmark.statistics import summarise
from aiida_hpaint.science.benchmark.statistics.rows import COMPARISON


def make_settings(**sampling: Any) -> dict[str, Any]:
    return {"settings": {"sampling": {"generator": "random", **sampling}}}


def test_rates_are_those_of_the_summary_of_common_hosts(tmp_path: Path) -> None:
    rows = {25: make_rows(0.5), 100: make_rows(0.8)[:9]}
    folders = [
        write_folder(tmp_path / f"steps{steps}", some, make_settings(steps=steps))
        for steps, some in rows.items()
    ]
    # The references of both are those of the same file: hosts are known by index and formula.
    for steps, some in rows.items():
        named = [row.model_copy(update={"formula": f"H{row.index}"}) for row in some]
        lines = "".join(row.model_dump_json() + "\n" for row in named)
        (tmp_path / f"steps{steps}" / "rows.jsonl").write_text(lines, encoding="utf-8")
    found = analyse_sampling(read_stored_runs(folders))
    first9 = [some[:9] for some in rows.values()]
    assert [record["steps"] for record in found.records] == [25, 100]
    for record, some in zip(found.records, rows.values(), strict=True):
        summary = summarise(some[:9])
        assert record["hosts"] == 9
        for key in ("single_sample_match_unrelaxed", "any_match_unrelaxed", "lowest_match", "les"):
            assert record[key] == pytest.approx(summary[key]["value"])
            assert record[f"{key}_low"] == pytest.approx(summary[key]["low"])
    shares = [[np.mean([s.match_unrelaxed for s in row.drawn]) for row in some] for some in first9]
    assert [record["p_value"] for record in found.records] == [
        None,
        pytest.approx(wilcoxon(*shares).pvalue),
    ]
    assert found.left_out == ["steps25: 3 of 12 hosts, which other runs have not finished"]
    assert found.head[1] == "steps"


def test_settings_that_no_figure_can_be_drawn_against_are_refused(tmp_path: Path) -> None:
    rows = make_rows(0.5)
    one, other = (
        write_folder(tmp_path / name, rows, make_settings(snr=snr))
        for name, snr in (("a", None), ("b", 0.2))
    )
    runs = read_stored_runs([one, other])
    assert "a: not in the figure" in analyse_sampling(runs, "sampling.snr").left_out[-1]
    with pytest.raises(ValueError, match=r"no run has a number for sampling\.steps"):
        analyse_sampling(runs, "sampling.steps")


def test_runs_of_other_references_have_nothing_in_common(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "a", make_rows(0.5), make_settings())
    renamed = [row.model_copy(update={"label": f"{row.label}b"}) for row in make_rows(0.5)]
    other = write_folder(tmp_path / "b", renamed, make_settings())
    with pytest.raises(ValueError, match="a, b have no host in common"):
        analyse_sampling(read_stored_runs([one, other]))


def test_an_unfinished_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no finished host"):
        read_stored_runs([tmp_path])


def test_a_damaged_comparison_is_named(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"random": 1}'):
        (tmp_path / COMPARISON).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"comparison\.json is damaged"):
            read_stored_runs([tmp_path])
