"""The AiiDA daemon: running, started by this Python, and without leftovers of an earlier one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click
import psutil
from aiida.engine.daemon.client import DaemonClient, DaemonException, get_daemon_client
from aiida.manage.configuration import get_config

DAEMON_TIMEOUT = 60
"""Seconds that the daemon may take to start or stop, which a busy machine needs."""

KILL_TIMEOUT = 5
"""Seconds that a killed process may take to disappear."""

_DAEMON_COMMANDS = ("start-circus", "worker", "broker")
_STATISTICS = "from circus import stats"
_PATH, _FOLDER = "AIIDA_PATH", ".aiida"


def ensure_daemon(requeue_stuck: bool = False) -> bool:
    """Make sure that a daemon runs the code of this environment; return whether it was started.

    Parameters
    ----------
    requeue_stuck
        Restart the daemon if a submitted process never began, to put it back into the queue.

    Raises
    ------
    ClickException
        If the daemon does not start.
    """
    from aiida_hpaint.workflows.engine.stuck_processes import find_stuck_processes

    client = get_daemon_client()
    try:
        if (
            is_running(client)
            and is_current(client)
            and not (requeue_stuck and find_stuck_processes())
        ):
            return False
        if is_running(client):
            client.stop_daemon(wait=True, timeout=DAEMON_TIMEOUT)
        # A killed supervisor leaves workers that still serve this profile.
        stop_orphans(client.profile.name, KILL_TIMEOUT)
        _remove_dead_broker()
        _requeue_processes(client.profile.name)
        client.start_daemon(timeout=DAEMON_TIMEOUT)
    except DaemonException as error:
        raise click.ClickException(f"the AiiDA daemon does not start: {error}") from None
    return True


def is_running(client: DaemonClient) -> bool:
    """Return whether the daemon runs; a crashed one leaves only a file with its process id."""
    return client.is_daemon_running and not client._is_pid_file_stale


def is_current(client: DaemonClient) -> bool:
    """Return whether the daemon was started by this Python and the installed aiida-hpaint."""
    started = client._get_daemon_env_info()
    if started is None:
        return True
    now = client._get_package_version_snapshot()
    same_python = Path(started["python_binary"]).parent == Path(sys.executable).parent
    return same_python and started["packages"].get("aiida-hpaint") == now.get("aiida-hpaint")


def stop_orphans(profile: str, timeout: float) -> list[int]:
    """Kill the leftovers of a daemon that no longer runs, and return their process ids.

    Old and new workers do not share a broker, so both would run the same AiiDA processes.

    Parameters
    ----------
    profile
        Name of the profile in the loaded configuration.
    timeout
        Seconds to wait until the processes have disappeared.
    """
    orphans = list(find_orphans(profile))
    for process in orphans:
        # SIGKILL: a worker that shuts down in order while its broker stops loses its tasks.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans, timeout=timeout)
    return [process.pid for process in orphans]


def find_orphans(profile: str) -> Iterator[psutil.Process]:
    """Find the processes of the daemon of a profile, whatever their parents are."""
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and _is_part_of_daemon(process, profile)
                and _has_our_configuration(process)
            ):
                yield process
        except psutil.Error:
            continue  # it has just ended, or belongs to another user


def _is_part_of_daemon(process: psutil.Process, profile: str) -> bool:
    command = process.cmdline()
    if any(_STATISTICS in argument for argument in command):
        # The command of this process names no profile; it is an orphan without a supervisor.
        return not _has_supervisor(process)
    verdi = [i + 1 for i, argument in enumerate(command[:2]) if Path(argument).name == "verdi"]
    of_profile = any(command[i : i + 3] == ["-p", profile, "daemon"] for i in verdi)
    return of_profile and any(part in command for part in _DAEMON_COMMANDS)


def _has_supervisor(process: psutil.Process) -> bool:
    try:
        parent = process.parent()
        # A killed supervisor has an empty command line, even before it has disappeared.
        return parent is not None and "start-circus" in parent.cmdline()
    except psutil.Error:
        return False


def _has_our_configuration(process: psutil.Process) -> bool:
    if process.uids().real != os.getuid():
        return False
    environment = process.environ()
    path = environment.get(_PATH) or environment.get("HOME", "")
    folders = (Path(process.cwd(), path), Path(get_config().dirpath))
    # AIIDA_PATH names the folder `.aiida` or its parent.
    theirs, ours = ((one if one.name == _FOLDER else one / _FOLDER).resolve() for one in folders)
    return theirs == ours


def _remove_dead_broker() -> None:
    """Remove the files of a killed broker.

    A worker that starts before the new broker would connect to the old socket and wait there
    forever: aiida-core 2.9 checks that the address exists, not that a broker listens.
    """
    from aiida.brokers.zeromq.broker import ZeromqBroker
    from aiida.manage import get_manager

    manager = get_manager()
    broker = manager.get_broker()
    if not isinstance(broker, ZeromqBroker) or not _wait_for_end(broker.check_service_reachable):
        return
    for path in (broker._service_sockets_file, broker._service_pid_file):
        path.unlink(missing_ok=True)
    manager.reset_broker()
    manager.reset_runner()


def _wait_for_end(is_alive: Callable[[], bool]) -> bool:
    """Return whether something ends within KILL_TIMEOUT; killed processes take a moment."""
    deadline = time.monotonic() + KILL_TIMEOUT
    while is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _requeue_processes(profile: str) -> None:
    """Put processes back into the queue that a crashed daemon lost."""
    from aiida.orm import ProcessNode, QueryBuilder

    alive = {"attributes.process_state": {"in": ["created", "running", "waiting"]}}
    if QueryBuilder().append(ProcessNode, filters=alive).count():
        verdi = str(Path(sys.executable).parent / "verdi")
        command = [verdi, "-p", profile, "process", "repair", "--force"]
        subprocess.run(command, check=False, capture_output=True)
