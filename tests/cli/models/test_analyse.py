"""Each analysis prints a table or JSON, says what it left out, and writes CSV and a figure."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from benchmark_rows import make_rows, with_potential, write_folder
from click.testing import CliRunner, Result

from aiida_hpaint.cli.main import main

TRAINING = Path(__file__).parents[3] / "examples" / "references" / "brucite.cif"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["analyse", *arguments])


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    settings = {"settings": {"potential": {"name": "base"}}}
    made = []
    for steps in (25, 50):
        rows = with_potential(make_rows(0.6), "other", shift=0.1, noise=0.02, rng=rng)
        own = {**settings, "settings": {**settings["settings"], "sampling": {"steps": steps}}}
        made.append(str(write_folder(tmp_path / f"steps{steps}", rows, own)))
    return made


@pytest.mark.parametrize(
    ("name", "options", "files"),
    [
        ("sampling", ["--against", "sampling.steps"], ["sampling.csv"]),
        ("potentials", [], ["potentials.csv", "potentials_pairs.csv"]),
        ("distances", [], ["distances.csv", "distances_samples.csv"]),
        ("similarity", ["--training", str(TRAINING)], ["similarity.csv", "similarity_hosts.csv"]),
        ("failures", [], ["failures.csv", "failures_hosts.csv"]),
    ],
)
def test_each_analysis_writes_tables_and_a_figure(
    tmp_path: Path, folders: list[str], name: str, options: list[str], files: list[str]
) -> None:
    output = tmp_path / "out"
    result = run(name, *folders, *options, "--output", str(output), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["analysis"] == name
    assert sorted(path.name for path in output.iterdir()) == sorted(
        [*files, f"{name}.pdf", f"{name}.png"]
    )
    for file in files:
        with (output / file).open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
        assert rows
    assert (output / f"{name}.png").stat().st_size > 10_000


def test_a_table_says_what_was_left_out(tmp_path: Path, folders: list[str]) -> None:
    result = run("distances", folders[0], "-o", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "median, 90th percentile" in result.stdout
    assert "Files: " in result.stdout
    assert "Left out: steps25: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["potentials"], "give folders of benchmarks"),
        (["potentials", "--energies", "validation.csv"], "is not NAME=FILE"),
        (["potentials", "--energies", "DFT=nowhere.csv"], "there is no file nowhere.csv"),
        (["sampling", "."], "aiida-hpaint benchmark REFERENCES --output"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: list[str], expected: str) -> None:
    with CliRunner().isolated_filesystem(tmp_path):
        result = run(*arguments)
    assert result.exit_code == 2
    assert expected in result.output
