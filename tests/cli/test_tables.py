from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.restore.restore import (
    find_folder,
    refuse_to_mix,
    refuse_to_replace,
    report_restoration,
)
from aiida_hpaint.cli.tables import (
    describe_beginnings,
    describe_notices,
    describe_unrestored,
    make_host_table,
)
from aiida_hpaint.science.evaluation.sample_table import format_table
from aiida_hpaint.science.report.host_results import group_rows_by_host
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.geometric import DRAWN, GEOMETRIC
from aiida_hpaint.science.structures.writing import FORMATS


@pytest.fixture
def ranked(samples: StructureBatch) -> StructureBatch:
    return samples.with_scalars(
        energy=[-6.5, -7.0, np.nan],
        energy_sampled=[0.0] * 3,
        energy_above_best=[0.25, 0.0, np.nan],
        max_force=[0.1] * 3,
        steps=[3] * 3,
        rank=[1, 0, -1],
        status=["converged", "converged", "failed"],
    )


@pytest.fixture
def symmetric(ranked: StructureBatch) -> StructureBatch:
    return ranked.with_scalars(
        energy_scored=[-6.0, -6.5, np.nan],
        origin=["generated", "wyckoff", "generated"],
        parent=[-1, -1, -1],
        space_group=[1, 164, 0],
        refined_by=[0.0, 0.004, 0.0],
    )


def shown(batch: StructureBatch) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as capture:
        console.print(make_host_table(group_rows_by_host(batch)))
    return capture.get()


def test_the_space_group_of_the_best_is_shown_where_it_is_known(
    ranked: StructureBatch, symmetric: StructureBatch
) -> None:
    assert "P-3m1 (164)" in shown(symmetric)
    assert "space group" not in shown(ranked)


def test_the_csv_has_what_there_is(ranked: StructureBatch, symmetric: StructureBatch) -> None:
    rows = list(csv.DictReader(io.StringIO(format_table(symmetric))))
    assert [row["energy_scored"] for row in rows] == ["-6.0", "-6.5", ""]
    assert [row["origin"] for row in rows] == ["generated", "wyckoff", "generated"]
    assert rows[1]["space_group"] == "164"
    assert "origin" not in format_table(ranked).splitlines()[0]


@pytest.fixture
def checked(ranked: StructureBatch) -> StructureBatch:
    checks: list[dict[str, list[str]]] = [
        {"failed": ["stray H2: 1 in the cell, H-H 0.74 Å"], "notices": []},
        {"failed": [], "notices": ["host atoms moved: up to 0.40 Å (O1)"]},
        {"failed": ["H bonded to nothing: 1 in the cell"], "notices": []},
    ]
    metadata = tuple({"checks": found} for found in checks)
    energies = {"energy": [-7.5, -7.0, -6.0], "energy_above_best": [-0.25, 0.0, 0.0]}
    return replace(ranked, metadata=metadata).with_scalars(
        passes=[False, True, False], rank=[1, 0, 0], status=["converged"] * 3, **energies
    )


def test_checks_are_shown_and_decide_what_is_restored(checked: StructureBatch) -> None:
    text = shown(checked)
    assert "notice" in text
    assert "FAILS" in text
    results = group_rows_by_host(checked)
    assert [result.is_restored for result in results] == [True, False]
    assert describe_unrestored(results) == [
        "ß 2: no candidate passes the checks: H bonded to nothing: 1 in the cell"
    ]
    assert describe_notices(results) == ["Li-H.a: host atoms moved: up to 0.40 Å (O1)"]


def test_notes_say_where_h_began(ranked: StructureBatch) -> None:
    entries: list[dict[str, Any]] = [{**entry, GEOMETRIC: 2, DRAWN: 1} for entry in ranked.metadata]
    begun = replace(ranked, metadata=tuple(entries)).with_scalars(cell_repeats=[2] * len(ranked))
    lines = describe_beginnings(group_rows_by_host(begun))
    total = int(begun.insert_counts[0])
    assert f"4 of {total} H began in geometric positions" in lines[0]
    assert f"2 of {total} H began at atoms that were drawn by bond valences" in lines[1]
    assert describe_beginnings(group_rows_by_host(ranked)) == []


def test_results_are_json(
    checked: StructureBatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not report_restoration(checked, tmp_path, None, hosts=None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["process"] is None
    assert Path(found["report"]).is_file()
    first, second = found["hosts"]
    assert (first["restored"], second["restored"]) == (True, False)
    assert first["notices"] == ["host atoms moved: up to 0.40 Å (O1)"]
    assert second["failed_checks"] == ["H bonded to nothing: 1 in the cell"]
    assert first["samples"] == {"converged": 2}
    assert first["files"]
    assert all(Path(name).is_file() for name in first["files"])


def test_hosts_without_an_answer_end_with_exit_status_1(
    checked: StructureBatch, tmp_path: Path
) -> None:
    assert not report_restoration(checked, tmp_path, None, hosts=None)
    assert report_restoration(checked[:2], tmp_path, None, hosts=None)
    assert (tmp_path / "report.html").is_file()
    report_restoration(checked, tmp_path / "none", None, hosts=None, report="none")
    assert not (tmp_path / "none" / "report.html").exists()


def test_files_of_an_earlier_run_do_not_stay_for_a_host_that_fails(
    checked: StructureBatch, tmp_path: Path
) -> None:
    report_restoration(checked, tmp_path, None, hosts=None, formats=tuple(FORMATS))
    before = {path.name for path in tmp_path.iterdir()}
    assert len(before) > 2 * len(FORMATS)
    (tmp_path / "2_relaxed.cif").write_text("data_mine")
    failed = checked.with_scalars(rank=[1, 0, -1], status=["converged", "converged", "failed"])
    report_restoration(failed, tmp_path, None, hosts=None)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("2")} == {
        "2_relaxed.cif"
    }
    assert (tmp_path / "Li-H_a.cif").is_file()
    nothing = checked.with_scalars(rank=[-1] * 3, status=["failed"] * 3)
    report_restoration(nothing, tmp_path, None, hosts=None)
    left = {"samples.csv", "2_relaxed.cif", "report.html", "reports"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_results_never_replace_hosts(tmp_path: Path) -> None:
    host = tmp_path / "brucite.cif"
    host.write_text("data_x")
    with pytest.raises(CommandError, match="is a host, which the result would replace"):
        refuse_to_replace([str(host)], ["brucite"], tmp_path)
    refuse_to_replace([str(host)], ["brucite"], tmp_path / "restored")
    refuse_to_replace([str(host)], ["gypsum"], tmp_path)


def test_a_folder_never_has_the_results_of_two_runs(
    checked: StructureBatch, tmp_path: Path
) -> None:
    report_restoration(checked, tmp_path, None, hosts=None, formats=("res", "poscar"))
    for name in ("validation.csv", "trajectory.npz"):
        (tmp_path / name).touch()
    refuse_to_mix(checked.labels, tmp_path)
    report_restoration(checked, tmp_path, None, hosts=None)
    report_restoration(checked, tmp_path / "new", None, hosts=None)
    left = {path.name for path in tmp_path.iterdir()} - {"new"}
    assert left == {path.name for path in (tmp_path / "new").iterdir()}
    with pytest.raises(CommandError, match="has results of ß 2, which would stay there"):
        refuse_to_mix(["Li-H.a"], tmp_path)
    refuse_to_mix(["Li-H.a"], tmp_path / "nowhere")
    assert find_folder(checked.labels, tmp_path) == tmp_path
    assert find_folder(["gypsum"], tmp_path).name == f"{tmp_path.name}-2"
    (tmp_path / "samples.csv").write_text("mine\n1\n")
    refuse_to_mix(["Li-H.a"], tmp_path)
