from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.setup.local import POLL_INTERVAL, ensure_localhost

BIN = Path(sys.executable).parent
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_setup_may_be_repeated(daemon: Any) -> None:
    from aiida.orm import Computer, InstalledCode, QueryBuilder

    def count() -> list[int]:
        return [QueryBuilder().append(entity).count() for entity in (Computer, InstalledCode)]

    before = count()
    for _ in range(2):
        result = CliRunner().invoke(main, ["setup"])
        assert result.exit_code == 0, result.output
        assert "created" not in result.output
        assert "daemon    running" in result.output
    assert count() == before


@pytest.mark.usefixtures("profile")
def test_only_what_is_missing_in_the_queue_is_stuck() -> None:
    from aiida.manage import get_manager
    from aiida.orm import WorkChainNode
    from plumpy.process_comms import create_continue_body

    from aiida_hpaint.workflows.engine.stuck_processes import find_stuck_processes

    def create(checkpoint: str | None) -> Any:
        node = WorkChainNode()
        node.set_process_state("created")
        if checkpoint:
            node.set_checkpoint(checkpoint)
        return node.store()

    lost, queued, hopeless = create("saved"), create("saved"), create(None)
    tasks = Path(get_manager().get_broker()._storage_path, "tasks", "processing")
    tasks.mkdir(parents=True, exist_ok=True)
    task = tasks / "1_task.json"
    task.write_text(json.dumps({"body": create_continue_body(pid=queued.pk)}))
    try:
        found = {node.pk for node in find_stuck_processes(0)}
        assert lost.pk in found
        assert not {queued.pk, hopeless.pk} & found
    finally:
        task.unlink()
        lost.delete_checkpoint()
        queued.delete_checkpoint()


@pytest.mark.usefixtures("profile")
def test_localhost_is_asked_often_and_at_once() -> None:
    computer, is_new = ensure_localhost()
    assert not is_new
    assert computer.get_minimum_job_poll_interval() == POLL_INTERVAL
    connection = computer.get_configuration()
    assert (connection["safe_interval"], connection["use_login_shell"]) == (0, False)


def shell(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run a program as a newcomer does: nothing is set up, and nothing is on the PATH."""
    environment = {"HOME": str(folder), "AIIDA_PATH": str(folder), "PATH": os.defpath}
    done = subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        env={**environment, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_without_a_profile_there_is_a_way_on(tmp_path: Path) -> None:
    host = str(EXAMPLES / "hosts" / "brucite.cif")
    output = shell(tmp_path, "aiida-hpaint", "restore", host, check=False)
    assert "aiida-hpaint setup" in output
    assert "--no-aiida" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_from_nothing_to_the_demo(tmp_path: Path) -> None:
    for kind in ("hosts", "references"):
        (tmp_path / "two" / kind).mkdir(parents=True)
        for name in ("brucite.cif", "magnesium_hydride.cif"):
            (tmp_path / "two" / kind / name).symlink_to(EXAMPLES / kind / name)
    try:
        output = shell(tmp_path, "aiida-hpaint", "setup")
        assert "profile   hpaint, created" in output
        assert "daemon    started" in output
        output = shell(tmp_path, "aiida-hpaint", "demo", "two", "--output", "found")
    finally:
        shell(tmp_path, "verdi", "daemon", "stop", check=False)
    assert "2 of 2 crystals are as published." in output
    assert f"export AIIDA_PATH={tmp_path}" in output
    assert "verdi process status" in output
    assert (tmp_path / "found" / "brucite.cif").is_file()
