"""Daemons that die in part, or that are stopped in the second of a submission."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import psutil
import pytest
from processes import finished, until

from aiida_hpaint.science.structures import StructureBatch

TIMEOUT = 300
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("daemon")]


def submit_stage(host: StructureBatch) -> Any:
    from aiida.engine import submit
    from stages import stage_inputs

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    return submit(StageWorkChain, **stage_inputs("sample", host))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def jobs(node: Any) -> list[Any]:
    """Jobs of a process that a scheduler has seen."""
    from aiida.orm import CalcJobNode

    found = [one for one in node.called_descendants if isinstance(one, CalcJobNode)]
    return [job for job in found if job.get_job_id() is not None]


def test_what_outlives_the_supervisor_is_stopped_before_a_new_daemon_starts(
    host: StructureBatch, daemon: Any
) -> None:
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.workflows.engine.upstream import find_orphans, is_daemon_alive

    circus = psutil.Process(daemon.get_daemon_pid())
    left = circus.children()
    assert {process.pid for process in find_orphans("another")} == set()
    node = submit_stage(host)
    until(lambda: node.called, "job", TIMEOUT)
    os.kill(circus.pid, signal.SIGKILL)
    until(lambda: not is_daemon_alive(daemon), "end of the supervisor", TIMEOUT)
    assert any(map(is_alive, left))

    assert ensure_daemon()
    assert not any(map(is_alive, left))
    found = {process.pid for process in find_orphans("hpaint")}
    new = psutil.Process(daemon.get_daemon_pid())
    assert found <= {new.pid, *(child.pid for child in new.children())}
    finished(node, TIMEOUT)
    assert len(jobs(node)) == 1


def find_broker(daemon: Any) -> list[psutil.Process]:
    children = psutil.Process(daemon.get_daemon_pid()).children()
    return [one for one in children if is_alive(one) and "broker" in one.cmdline()]


def test_workers_that_outlive_their_broker_are_replaced(host: StructureBatch, daemon: Any) -> None:
    from aiida_hpaint.cli.daemon import ensure_daemon, has_deaf_workers

    assert not has_deaf_workers(daemon)
    node = submit_stage(host)
    until(lambda: node.called, "job", TIMEOUT)
    (broker,) = find_broker(daemon)
    broker.kill()
    until(lambda: [one.pid for one in find_broker(daemon)] != [broker.pid], "new broker", TIMEOUT)
    until(lambda: has_deaf_workers(daemon), "broker younger than the workers", TIMEOUT)
    assert ensure_daemon()
    finished(node, TIMEOUT)
    assert len(jobs(node)) == 1


def test_a_daemon_that_is_stopped_in_the_second_of_a_submission(
    host: StructureBatch, daemon: Any
) -> None:
    from aiida_hpaint.cli.daemon import DAEMON_TIMEOUT, ensure_daemon

    first = submit_stage(host)
    until(lambda: first.called, "job", TIMEOUT)
    second = submit_stage(host)
    daemon.stop_daemon(wait=True, timeout=DAEMON_TIMEOUT)
    assert not second.is_terminated
    assert ensure_daemon()
    for node in (first, second):
        finished(node, TIMEOUT)
        assert node.outputs.report["status"] == "finished"
        assert len(jobs(node)) == 1


def test_a_process_that_never_reached_the_queue_is_found_and_put_there(
    host: StructureBatch, daemon: Any
) -> None:
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager
    from stages import stage_inputs

    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.workflows.engine.stuck_processes import find_stuck_processes
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    # As a client does that is killed before it sends the message.
    runner: Any = get_manager().get_runner()
    process = instantiate_process(runner, StageWorkChain, **stage_inputs("sample", host))
    runner.persister.save_checkpoint(process)
    process.close()
    assert process.node.pk not in [node.pk for node in find_stuck_processes()]
    assert process.node.pk in [node.pk for node in find_stuck_processes(0)]
    assert not ensure_daemon()
    assert mended(0)
    finished(process.node, TIMEOUT)
    assert find_stuck_processes(0) == []


def mended(seconds: float) -> bool:
    """What `aiida-hpaint setup` does, as if so much time had passed."""
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.workflows.engine import stuck_processes as stuck

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stuck, "find_stuck_processes", partial(stuck.find_stuck_processes, seconds))
        return ensure_daemon(requeue_stuck=True)
