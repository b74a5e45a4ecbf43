"""The AiiDA daemon: running, started by this Python, and without leftovers of an earlier one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import psutil
from aiida.engine.daemon.client import DaemonClient, DaemonException, get_daemon_client

from aiida_hpaint.workflows.engine.upstream import (
    find_orphans,
    get_daemon_environment,
    get_installed_package,
    has_own_folder,
    is_daemon_alive,
    remove_broker_files,
    remove_stale_pid_file,
    start_daemon,
)

DAEMON_TIMEOUT = 60
"""Seconds that the daemon may take to start or stop, which a busy machine needs."""

KILL_TIMEOUT = 5
"""Seconds that a killed process may take to disappear."""


def ensure_daemon(requeue_stuck: bool = False) -> bool:
    """Make sure that a daemon runs the code of this environment; return whether it was started.

    A daemon that was started in a folder with files is replaced; see `start_daemon`.

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
    # Whoever stopped it got its answer before it ended: it serves nobody any more, but its workers
    # finish what they do first. A daemon that is only busy answers again.
    answers = _wait_for_end(
        lambda: is_daemon_alive(client) and not _answers(client), DAEMON_TIMEOUT
    )
    try:
        is_alive = is_daemon_alive(client)
        is_broken = is_alive and (not answers or has_deaf_workers(client))
        is_fit = is_alive and not is_broken and is_current(client) and has_own_folder(client)
        if is_fit and not (requeue_stuck and find_stuck_processes()):
            return False
        if is_broken:  # it would not stop in order
            _kill_supervisor(client)
        elif is_alive:
            client.stop_daemon(wait=True, timeout=DAEMON_TIMEOUT)
        # A killed supervisor leaves workers that still serve this profile.
        stop_orphans(client.profile.name, KILL_TIMEOUT)
        _remove_dead_broker()
        remove_stale_pid_file(client)
        _requeue_processes(client.profile.name)
        start_daemon(client, DAEMON_TIMEOUT)
    except (DaemonException, OSError) as error:  # OSError: no folder can be made for it
        raise click.ClickException(f"the AiiDA daemon does not start: {error}") from None
    return True


def is_current(client: DaemonClient) -> bool:
    """Return whether the daemon was started by this Python and the installed aiida-hpaint."""
    started = get_daemon_environment(client)
    if started is None:
        return True
    installed = get_installed_package(client)
    same_python = Path(started["python_binary"]).parent == Path(sys.executable).parent
    return same_python and started["packages"].get("aiida-hpaint") == installed


def has_deaf_workers(client: DaemonClient) -> bool:
    """Return whether a worker is older than the broker, as after a crash of the latter.

    Workers do not subscribe to a new broker of ZeroMQ: they get no more processes, while those
    that they still run are given to others, too. A supervisor starts the broker first, so that a
    younger one is its successor, however soon the first one died.
    """
    begun: dict[str, list[float]] = {"broker": [], "worker": []}
    with suppress(psutil.Error):
        supervisor = _find_supervisor(client)
        for process in supervisor.children() if supervisor else ():
            with suppress(psutil.Error):
                words = process.cmdline()
                for role, times in begun.items():
                    if "daemon" in words and role in words:
                        times.append(process.create_time())
    latest = max(begun["broker"], default=0.0)
    return any(latest > one for one in begun["worker"])


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


def _find_supervisor(client: DaemonClient) -> psutil.Process | None:
    """Return the process that started broker and workers; None if the daemon has just ended."""
    pid = client.get_daemon_pid()
    # Without a number, psutil takes this very process.
    return None if pid is None else psutil.Process(pid)


def _kill_supervisor(client: DaemonClient) -> None:
    """Kill the supervisor of the daemon, and wait until it has disappeared."""
    with suppress(psutil.Error):
        if supervisor := _find_supervisor(client):
            supervisor.kill()
            supervisor.wait(KILL_TIMEOUT)
    _wait_for_end(lambda: is_daemon_alive(client))


def _answers(client: DaemonClient) -> bool:
    """Return whether a daemon answers, which one that is being stopped does not."""
    try:
        return client.get_status(timeout=KILL_TIMEOUT).get("status") == "active"
    except (DaemonException, RuntimeError):  # RuntimeError: its sockets are gone already
        return False


def _remove_dead_broker() -> None:
    """Remove the files of a killed broker; see `remove_broker_files`."""
    from aiida.brokers.zeromq.broker import ZeromqBroker
    from aiida.manage import get_manager

    manager = get_manager()
    broker = manager.get_broker()
    if not isinstance(broker, ZeromqBroker) or not _wait_for_end(broker.check_service_reachable):
        return
    remove_broker_files(broker)
    manager.reset_broker()
    manager.reset_runner()


def _wait_for_end(is_alive: Callable[[], bool], timeout: float = KILL_TIMEOUT) -> bool:
    """Return whether something ends in time (s); killed processes take a moment."""
    deadline = time.monotonic() + timeout
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
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise click.ClickException(
                f"processes could not be put back into the queue: {done.stderr.strip()}"
                f"\nTry again, or:\n  verdi -p {profile} daemon stop\n"
                f"  verdi -p {profile} process repair\n  aiida-hpaint -p {profile} setup"
            )
