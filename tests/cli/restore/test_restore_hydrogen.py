from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.science.structures import StructureBatch, read_hosts, write_cif

QUICK = ["--protocol", "fast", "--set", "dft.cutoff_wfc=30", "--set", "dft.kpoints_distance=0.7"]


@pytest.fixture
def lithium(tmp_path: Path) -> Path:
    """The host of LiH."""
    cell = 2.042 * (np.ones((3, 3)) - np.eye(3))
    host = StructureBatch(
        labels=("lithium",),
        cells=cell[None],
        site_counts=np.array([1]),
        numbers=np.array([3]),
        frac_coords=np.zeros((1, 3)),
        inserted=np.array([False]),
    )
    write_cif(host, tmp_path / "lithium.cif")
    return tmp_path / "lithium.cif"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["restore-hydrogen", *map(str, arguments)])


@pytest.mark.usefixtures("profile")
def test_elements_are_restored_one_at_a_time(lithium: Path) -> None:
    result = run(lithium, "--add", "H:1,Na:1", "--trust", "add")
    assert result.exit_code == 2
    assert "lithium: insert one element at a time, not H, Na" in result.output


@pytest.mark.usefixtures("profile")
def test_unknown_settings_are_told(lithium: Path) -> None:
    result = run(lithium, "--add", "H:1", "--trust", "add", "--set", "pinbal.keep=2")
    assert result.exit_code == 2
    assert "did you mean pinball?" in result.output


@pytest.mark.dft
@pytest.mark.usefixtures("daemon", "pw_code", "pp_code", "pseudo_family")
def test_a_host_becomes_a_cif_and_a_row(lithium: Path, tmp_path: Path) -> None:
    result = run(lithium, "--add", "H:1", "--trust", "add", *QUICK, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "hosts: 1/1" in result.output
    restored = read_hosts(tmp_path / "out" / "lithium.cif")
    assert sorted(restored.numbers.tolist()) == [1, 3]
    shift = np.diff(restored.frac_coords, axis=0)[0]
    np.testing.assert_allclose(np.abs(shift - np.rint(shift)), 0.5, atol=0.02)
    with (tmp_path / "out" / "hosts.csv").open(encoding="utf-8", newline="") as stream:
        [row] = csv.DictReader(stream)
    assert (row["label"], row["status"], row["rounds"]) == ("lithium", "finished", "1")
    assert float(row["energy"]) < 0
    assert row["checks"] == "ok"
    assert int(row["scf_iterations"]) > 0
