"""Benchmarks of small crystals with SevenNet-0."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aiida_hpaint.science.benchmark import (
    References,
    list_runs,
    read_references,
    run_benchmark,
    run_side_by_side,
    write_report,
)
from aiida_hpaint.science.benchmark.run import name_folders
from aiida_hpaint.science.benchmark.statistics import HostRow, read_rows
from aiida_hpaint.science.benchmark.statistics.rows import ROWS, SETTINGS
from aiida_hpaint.science.benchmark.workers import run_in_parallel
from aiida_hpaint.science.outputs import LOCK, OutputError
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.restoration import restore_batch
from aiida_hpaint.science.settings import RestorationSettings

EXAMPLES = Path(__file__).parents[3] / "examples" / "references"


def quick(**sampling: Any) -> RestorationSettings:
    values = {"samples": 3, "steps": 10, **sampling}
    return load_protocol("fast", {"sampling": values, "relax_inserted": {"max_steps": 20}})


@pytest.fixture(scope="module")
def references() -> References:
    return read_references([EXAMPLES / "brucite.cif", EXAMPLES / "lithium_hydroxide.cif"])


@pytest.fixture(scope="module")
def finished(references: References, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    run_benchmark(references, quick(), folder)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_folder_in_which_a_benchmark_runs_is_refused(
    references: References, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        for run in (
            lambda: run_benchmark(references, quick(), folder),
            lambda: run_side_by_side(list_runs({"a": references}, quick()), folder),
        ):
            with pytest.raises(OutputError, match="in use"):
                run()
    assert [path.name for path in folder.iterdir()] == [LOCK]


def without_times(rows: list[HostRow]) -> list[HostRow]:
    same = {"seconds_sampling": 0.0, "seconds_relaxing": 0.0}
    return [row.model_copy(update=same) for row in rows]


def test_rows_are_what_restoring_gives(references: References, finished: Path) -> None:
    samples = restore_batch(references.hosts[0], quick()).samples
    row = read_rows(finished)[0]
    assert (row.label, row.formula, row.sites, row.inserted) == ("brucite", "H2MgO2", 5, 2)
    assert [sample.status for sample in row.samples] == samples.scalars["status"].tolist()
    assert [sample.rank for sample in row.samples] == samples.scalars["rank"].tolist()
    assert row.lowest is not None
    assert row.lowest.match is True
    assert row.lowest.host_match is True
    assert row.lowest.energy == pytest.approx(np.nanmin(samples.scalars["energy"]), abs=1e-4)
    assert row.network_calls == 3 * 10
    assert row.evaluations == sum(record.get("evaluations", 0) for record in samples.history)


def test_the_reference_is_relaxed_too(finished: Path) -> None:
    for row in read_rows(finished):
        assert row.reference_energy is not None
        assert row.reference_energy_unrelaxed is not None
        assert row.reference_energy <= row.reference_energy_unrelaxed
        assert row.lowest is not None
        assert row.lowest.energy is not None
        above = (row.lowest.energy - row.reference_energy) / row.sites
        assert row.lowest.energy_difference == pytest.approx(above)


def test_a_run_goes_on_where_it_was_killed(references: References, folder: Path) -> None:
    complete, summary = read_rows(folder), (folder / "summary.json").read_text()
    lines = (folder / ROWS).read_text().splitlines(keepends=True)
    (folder / ROWS).write_text(lines[0] + lines[1][:200])
    (folder / "summary.json").unlink()
    told: list[tuple[int, int, str]] = []
    again = run_benchmark(references, quick(), folder, progress=lambda *args: told.append(args))
    assert told == [(1, 2, "hosts"), (2, 2, "hosts")]
    assert without_times(read_rows(folder)) == without_times(complete)
    assert again["lowest_match"] == json.loads(summary)["lowest_match"]
    assert json.loads((folder / "summary.json").read_text()) == again


def test_a_finished_run_is_left_as_it_is(references: References, folder: Path) -> None:
    before = (folder / ROWS).read_bytes()
    run_benchmark(references, quick(), folder)
    assert (folder / ROWS).read_bytes() == before


def test_other_settings_or_references_are_refused(references: References, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"sampling\.seed: 0 in the folder, 1 requested"):
        run_benchmark(references, quick(seed=1), folder)
    fewer = read_references([EXAMPLES / "brucite.cif"])
    with pytest.raises(
        ValueError, match=r"references\.lithium_hydroxide\.cif: .* in the folder, None requested"
    ):
        run_benchmark(fewer, quick(), folder)


def test_another_file_in_the_place_of_settings_is_refused(
    references: References, tmp_path: Path
) -> None:
    (tmp_path / SETTINGS).write_text("[1, 2]")
    with pytest.raises(ValueError, match="not the settings file of a benchmark"):
        run_benchmark(references, quick(), tmp_path)


def test_generators_side_by_side(references: References, tmp_path: Path) -> None:
    one = {"brucite": read_references([EXAMPLES / "brucite.cif"])}
    runs = list_runs(one, quick(samples=2), ["random", "bundled"])
    summaries = run_side_by_side(runs, tmp_path)
    assert list(summaries) == ["random", "bundled"]
    assert json.loads((tmp_path / "comparison.json").read_text()) == {
        "random": "random",
        "bundled": "bundled",
    }
    assert summaries["random"]["calls"]["network_per_host"] == 0
    for name in summaries:
        assert json.loads((tmp_path / name / "summary.json").read_text()) == summaries[name]


def test_samples_as_drawn(references: References, folder: Path, tmp_path: Path) -> None:
    summary = run_benchmark(references, quick(), tmp_path / "drawn", relaxed=False)
    known = json.loads((folder / "summary.json").read_text())
    for key in ("single_sample_match_unrelaxed", "any_match_unrelaxed_by_k"):
        assert summary[key] == known[key]
    assert not {"single_sample_match", "lowest_match", "les", "les_by_k"} & set(summary)
    assert summary["statuses"] == {"sampled": 6}
    assert summary["failures"] == []
    with pytest.raises(ValueError, match="relaxed: True in the folder, False requested"):
        run_benchmark(references, quick(), folder, relaxed=False)


def test_each_run_has_its_folder() -> None:
    names = name_folders(["random", "a/best.safetensors", "b/best.safetensors", "mp20, a/base"])
    assert names == ["random", "best", "best_2", "mp20-a_base"]


def test_sets_and_generators_name_runs(references: References) -> None:
    sets = {"mp20": references, "minerals": references}
    assert list(list_runs({"mp20": references}, quick())) == ["bundled"]
    assert list(list_runs(sets, quick())) == ["mp20", "minerals"]
    both = list_runs(sets, quick(), ["random", "bundled"])
    assert list(both) == ["mp20, random", "minerals, random", "mp20, bundled", "minerals, bundled"]
    assert both["mp20, random"][1].require_sampling().generator == "random"
    with pytest.raises(ValueError, match="random is named twice"):
        list_runs(sets, quick(), ["random", "bundled", "random"])


@pytest.mark.slow
def test_reports_are_shown(folder: Path, tmp_path: Path) -> None:
    assert "bundled" in write_report(folder).read_text()
    assert (folder / "figures.png").exists()
    (tmp_path / "comparison.json").write_text(json.dumps({"mine": "run"}))
    assert "mine" in write_report(tmp_path).read_text()


def test_nothing_to_show_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no benchmark"):
        write_report(tmp_path)


@pytest.mark.slow
def test_processes_side_by_side_give_the_same_rows(
    references: References, finished: Path, tmp_path: Path
) -> None:
    run_benchmark(references, quick(), tmp_path / "run", processes=2)
    ours, theirs = without_times(read_rows(tmp_path / "run")), without_times(read_rows(finished))
    for left, right in zip(ours, theirs, strict=True):
        assert [sample.status for sample in left.samples] == [s.status for s in right.samples]
        assert left.reference_energy == pytest.approx(right.reference_energy, abs=1e-4)


def test_one_process_computes_with_one_thread_as_those_of_a_pool_do() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert list(run_in_parallel(torch.get_num_threads, [()], 1)) == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
