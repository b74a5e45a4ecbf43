"""Folders of results that cannot be written."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.restore.restore import rescue_samples
from aiida_hpaint.science.outputs import OutputError
from aiida_hpaint.science.structures import StructureBatch, load_npz

BRUCITE = Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif"


def test_an_output_that_is_in_the_way_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "results"
    result = CliRunner().invoke(main, ["restore", str(BRUCITE), "--no-aiida", "-o", str(output)])
    assert result.exit_code == 2
    assert "part of its path is a file" in result.output
    assert "hosts" not in result.output


def test_samples_outlive_a_disk_that_becomes_full(brucite: StructureBatch) -> None:
    with pytest.raises(click.ClickException, match="saved as") as caught, rescue_samples(brucite):
        raise OutputError("the disk is full")
    path = re.search(r"saved as (.*)", caught.value.message)
    assert path is not None
    assert load_npz(path[1]).labels == brucite.labels
    Path(path[1]).unlink()
    with pytest.raises(OutputError), rescue_samples(None):
        raise OutputError("the disk is full")
