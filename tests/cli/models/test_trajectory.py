from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.science.structures import Recording, read_extxyz, to_pymatgen

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["trajectory", *map(str, arguments)])


@pytest.fixture
def source(recording: Recording, tmp_path: Path) -> Path:
    path = tmp_path / "trajectory.npz"
    recording.save(path)
    return path


def test_a_figure_of_the_first_host(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "rmsd.svg"
    result = run("plot", source, "-o", output)
    assert result.exit_code == 0, result.output
    assert "2 samples of Li-H.a, 7 steps" in result.output
    assert output.stat().st_size > 1000


def test_a_figure_against_a_reference(source: Path, recording: Recording, tmp_path: Path) -> None:
    reference = tmp_path / "reference.cif"
    to_pymatgen(recording.samples[[2]])[0].to(str(reference))
    options = ["--host", "ß 2", "--reference", reference, "-o", tmp_path / "rmsd.png"]
    assert run("plot", source, *options).exit_code == 0
    result = run("plot", source, "--reference", reference, "-o", tmp_path / "rmsd.png")
    assert result.exit_code == 2
    assert "Li-H.a: the reference 'reference' has other sites: H2Mg, not HLi" in result.output


def test_an_animation_of_one_sample(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "way.gif"
    result = run("animate", source, "--sample", 1, "--fps", 2, "-o", output)
    assert "sample 1 of Li-H.a, 5 frames" in result.output
    assert output.read_bytes().startswith(b"GIF89a")


def test_frames_as_extxyz(source: Path, recording: Recording, tmp_path: Path) -> None:
    output = tmp_path / "frames.extxyz"
    result = run("export", source, "-o", output)
    assert "10 frames of 2 samples" in result.output
    frames = read_extxyz(output)
    assert frames.scalars["sample"].tolist() == [0] * 5 + [1] * 5
    assert frames.scalars["step"].tolist() == [0, 2, 4, 6, 7] * 2
    np.testing.assert_array_equal(frames[7].frac_coords, recording.frames(1)[2].frac_coords)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plot", "no.npz", "-o", "x.png"], "there is no file no.npz"),
        (["plot", "SOURCE", "-o", "x.cif"], "a figure ends in one of .png, .pdf, .svg"),
        (["animate", "SOURCE", "-o", "x.mp4"], "the animation is a GIF"),
        (["animate", "SOURCE", "--sample", "9", "-o", "x.gif"], "the host has samples 0 to 1"),
        (
            ["export", "SOURCE", "--host", "x", "-o", "x.xyz"],
            "no host 'x': choose from Li-H.a, ß 2",
        ),
        (["plot", str(EXAMPLES / "hosts" / "brucite.cif"), "-o", "x.png"], "is no recording"),
    ],
)
def test_what_is_wrong(arguments: list[str], message: str, source: Path) -> None:
    result = run(*[str(source) if a == "SOURCE" else a for a in arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("profile")
def test_nodes_are_sources(recording: Recording, tmp_path: Path) -> None:
    from aiida.common.links import LinkType
    from aiida.orm import CalcFunctionNode, Int

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.data.trajectory import DiffusionTrajectoryData

    job = CalcFunctionNode().store()
    trajectory = DiffusionTrajectoryData(recording.trajectory)
    for label, node in (
        ("trajectory", trajectory),
        ("structures", StructureBatchData(recording.samples)),
    ):
        node.base.links.add_incoming(job, LinkType.CREATE, label)
        node.store()
    for source in (job.pk, trajectory.pk, trajectory.uuid):
        result = run("export", source, "-o", tmp_path / "frames.extxyz")
        assert "10 frames of 2 samples" in result.output
    for source, message in (
        (Int(1).store().pk, "has no trajectory: restore with --record"),
        (123456789, "there is no node 123456789"),
        (DiffusionTrajectoryData(recording.trajectory).store().pk, "no job that returned its"),
    ):
        result = run("export", source, "-o", tmp_path / "frames.extxyz")
        assert result.exit_code == 2
        assert message in result.output
