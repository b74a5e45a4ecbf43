"""verdi data hpaint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiida_hpaint.science.structures import Recording, StructureBatch, read_extxyz

pytestmark = pytest.mark.usefixtures("profile")


def run(*arguments: Any) -> Any:
    from aiida_hpaint.cli.data import hpaint

    return CliRunner().invoke(hpaint, [str(one) for one in arguments])


@pytest.fixture
def node(samples: StructureBatch) -> Any:
    from aiida_hpaint.data.structure_batch import StructureBatchData

    return StructureBatchData(samples).store()


def test_verdi_finds_the_commands() -> None:
    from aiida.cmdline.commands.cmd_verdi import verdi

    found = CliRunner().invoke(verdi, ["data", "hpaint", "--help"])
    assert found.exit_code == 0, found.output
    assert {"show", "plot", "export"} <= set(found.output.split())


def test_the_structures_of_a_batch_are_shown(node: Any, recording: Recording) -> None:
    shown = run("show", node.pk, "--limit", 2).output
    assert "n_structures: 3" in shown
    assert "0  Li-H.a  Li1 H1  converged  -6.5" in shown
    assert "and 1 more: --limit 3" in shown
    from aiida_hpaint.data.trajectory import DiffusionTrajectoryData

    shown = run("show", DiffusionTrajectoryData(recording.trajectory).store().pk).output
    assert "scheme: repaint" in shown


def test_a_batch_is_written_and_drawn(node: Any, samples: StructureBatch, tmp_path: Path) -> None:
    written = run("export", node.pk, "-o", tmp_path / "a.extxyz")
    assert written.exit_code == 0, written.output
    assert read_extxyz(tmp_path / "a.extxyz").labels == samples.labels
    drawn = run("plot", node.pk, "-o", tmp_path / "a.png")
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_other_nodes_are_refused(tmp_path: Path) -> None:
    from aiida.orm import Int

    assert "give a StructureBatchData" in run("show", Int(1).store().pk).output
    assert "node '123456'" in run("show", 123456).output
