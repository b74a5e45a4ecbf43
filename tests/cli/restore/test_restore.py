"""Folders of results that cannot be written."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.restore.restore import rescue_samples, show_results
from aiida_hpaint.science.outputs import OutputError
from aiida_hpaint.science.structures import StructureBatch, load_npz

BRUCITE = Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif"


_DESCRIPTIONS = (
    "describe_beginnings",
    "describe_cells",
    "describe_confidences",
    "describe_notices",
    "describe_samples",
    "describe_unrestored",
)


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


def test_the_last_line_says_which_sites_relaxed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aiida_hpaint.cli.console.print_table", lambda table: None)
    for name in ("make_host_table", *_DESCRIPTIONS):
        monkeypatch.setattr(f"aiida_hpaint.cli.tables.{name}", lambda results, **_: [])
    moved, held = (SimpleNamespace(best=object(), is_held=value) for value in (False, True))
    lost = SimpleNamespace(best=None, is_held=False)
    for results, expected in (
        ([moved, lost], "(all sites relaxed)"),
        ([held, lost], "(inserted sites relaxed)"),
        ([moved, held], "(all sites relaxed, in hosts that are held the inserted ones)"),
    ):
        show_results(results, [Path("a.res")], Path("restored"))  # type: ignore[arg-type]
        assert f"*_relaxed.res {expected}" in capsys.readouterr().out
    show_results([lost], [], Path("restored"))  # type: ignore[list-item]
    assert "restored has samples.csv: what became of each sample" in capsys.readouterr().out
