"""`aiida-hpaint setup computer` and `codes` against a computer that is really elsewhere."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from click.testing import CliRunner
from cluster import PYTHON, Cluster

pytestmark = pytest.mark.hpc

MPIRUN = "mpirun --allow-run-as-root -np {tot_num_mpiprocs}"


def run(*arguments: str, code: int = 0) -> str:
    from aiida_hpaint.cli import main

    result = CliRunner().invoke(main, ["setup", *arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.fixture(scope="module")
def frontier(cluster: Cluster, hpc_daemon: Any) -> str:
    """What a user types, once."""
    place = "--host", "hpc", "--work-dir", str(cluster.scratch), "--mpirun", MPIRUN
    return run("computer", "frontier", *place, "--safe-interval", "0.5", "--poll-interval", "1")


def test_a_computer_is_made_and_tested(frontier: str) -> None:
    from aiida.orm import load_computer

    computer = load_computer("frontier")
    assert (computer.transport_type, computer.scheduler_type) == ("core.ssh_async", "core.slurm")
    assert "frontier" in frontier


def test_codes_are_made_and_checked_by_a_job(frontier: str) -> None:
    programs = "--python", str(PYTHON), "--pw", str(shutil.which("pw.x"))
    output = run("codes", "frontier", *programs, "--queue", "short", "--account", "samplers")
    from aiida.orm import CalcJobNode, QueryBuilder, load_code

    assert str(load_code("pw@frontier").filepath_executable).endswith("pw.x")
    jobs = QueryBuilder().append(CalcJobNode, filters={"process_type": {"like": "%hpaint.check"}})
    job = jobs.all(flat=True)[-1]
    assert job.is_finished_ok, output
    assert (job.get_option("queue_name"), job.get_option("account")) == ("short", "samplers")
    script = job.base.repository.get_object_content("_aiidasubmit.sh")
    assert "#SBATCH --partition=short" in script
    assert "sevennet-0" in output


def test_what_is_missing_there_is_told(frontier: str, cluster: Cluster) -> None:
    bare = cluster.folder / "state" / "bare"
    bare.mkdir()
    # The interpreter of the remote side, without what is installed there.
    home = json.dumps(str(PYTHON.resolve()))
    (bare / "python").write_text(f'#!/bin/sh\nexec {home} -I "$@"\n')
    (bare / "python").chmod(0o755)
    output = run("codes", "frontier", "--python", str(bare / "python"), "--label", "bare", code=1)
    assert "aiida-hpaint" in output
    assert "pip install" in output
