"""Jobs that fail for reasons of their own, run in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_hpaint import __version__
from aiida_hpaint.science.structures import StructureBatch

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("profile")]

SETTINGS = {"generator": "random", "samples": 2, "symmetry": {"wyckoff": 2}}


@pytest.fixture
def three(brucite: StructureBatch) -> StructureBatch:
    hosts = replace(brucite[[0, 0, 0]], labels=("a", "b", "c"))
    stretch = np.array([1.0, 1.01, 1.02])[:, None, None]
    return replace(hosts, cells=hosts.cells * stretch)


def run(stage: str, structures: StructureBatch, *fault: str, **more: Any) -> Any:
    from aiida.engine import run_get_node
    from aiida.orm import Dict
    from stages import stage_inputs

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    identity = more.pop("identity", None)
    inputs = stage_inputs(stage, structures, *fault, **more)
    if identity:
        inputs["identity"] = Dict(identity)
    _, node = run_get_node(StageWorkChain, **inputs)
    assert node.is_finished, (node.exit_status, node.exception)
    return node


def test_sampling_that_the_walltime_cuts_short_goes_on_with_the_hosts_that_are_left(
    three: StructureBatch,
) -> None:
    from aiida_hpaint.calculations.jobs import run_stage_job

    node = run("sample", three, "slow", settings=SETTINGS, max_wallclock_seconds=3600)
    report = node.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("finished", 2, 0)
    plain = run_stage_job(three, "sample", SETTINGS, {"version": __version__})["structures"]
    assert isinstance(plain, StructureBatch)
    found = node.outputs.structures.batch
    assert found.labels == plain.labels
    for name in plain.scalars:
        assert found.scalars[name].tolist() == plain.scalars[name].tolist(), name
    np.testing.assert_allclose(found.frac_coords, plain.frac_coords, atol=1e-9)


def test_a_host_that_takes_longer_than_a_job_may_is_unfinished(three: StructureBatch) -> None:
    node = run("sample", three[:1], "stalled", settings=SETTINGS, max_wallclock_seconds=3600)
    report = node.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("unfinished", 2, 0)
    assert "take longer than" in report["message"]
    batch = node.outputs.structures.batch
    assert batch.scalars["status"].tolist() == ["failed", "failed"]
    assert "take longer than" in batch.metadata[0]["error"]


def test_a_truncated_output_file_is_a_failure_of_the_job_alone(
    three: StructureBatch, tmp_path: Path
) -> None:
    once = f"mkdir {tmp_path}/once 2>/dev/null && truncate -s 100 results.pickle"
    node = run("sample", three, append_text=once)
    report = node.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("finished", 2, 1)
    first = min(node.called, key=lambda child: child.pk)
    assert not first.is_finished_ok

    empty = run("sample", three[:1], append_text=": > results.pickle")
    report = empty.outputs.report.get_dict()
    assert (report["status"], report["jobs"]) == ("failed", 2)
    assert "its results cannot be read" in report["message"]


def test_another_model_where_the_job_runs_is_reported_at_once(three: StructureBatch) -> None:
    from aiida_hpaint.cli.campaigns.advice import give_advice

    identity = {"version": __version__, "model": {"name": "bundled", "sha256": "0f" * 32}}
    node = run("sample", three, settings={"generator": "bundled"}, identity=identity)
    report = node.outputs.report.get_dict()
    # Neither repeated nor split: no host is to blame.
    assert (report["status"], report["jobs"], report["failures"]) == ("failed", 1, 1)
    assert "has the sha256" in report["message"]
    assert "upload_model" in give_advice(report["message"])


def test_a_corrupt_checkpoint_is_reported_at_once(three: StructureBatch, tmp_path: Path) -> None:
    from aiida_hpaint.cli.campaigns.advice import give_advice
    from aiida_hpaint.science.diffusion import find_model

    bundled = find_model("bundled")
    path = tmp_path / "cut.safetensors"
    path.write_bytes(bundled.read_bytes()[:1000])
    path.with_suffix(".json").write_text(bundled.with_suffix(".json").read_text())
    node = run("sample", three, settings={"generator": str(path)})
    report = node.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("failed", 1, 1)
    assert "does not have the sha256 of its card" in report["message"]
    assert "models fetch" in give_advice(report["message"])
