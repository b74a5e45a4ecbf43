"""Uses of private parts of aiida-core 2.9; `upstream_graphs` has those of aiida-workgraph.

Each entry says which behaviour of these packages it works around.
tests/workflows/engine/test_upstream.py has a test for each that fails once the packages behave as
needed, so that the entry can be removed; tests/test_conventions.py looks for other private uses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from aiida.engine import ProcessState, WorkChain
from aiida.engine.daemon.client import DaemonClient
from aiida.engine.processes.workchains.awaitable import construct_awaitable
from aiida.manage.configuration import get_config
from aiida.orm import load_node
from aiida.plugins import entry_point

__all__ = [
    "WaitForAnyWorkChain",
    "check_work_folder",
    "count_scheduler_jobs",
    "find_orphans",
    "get_daemon_environment",
    "get_installed_package",
    "get_queued_processes",
    "has_own_folder",
    "is_daemon_alive",
    "remove_broker_files",
    "remove_stale_pid_file",
    "start_daemon",
]

_DAEMON_COMMANDS = ("start-circus", "worker", "broker")
_CIRCUS_STATISTICS = "from circus import stats"
_PATH, _FOLDER = "AIIDA_PATH", ".aiida"


class WaitForAnyWorkChain(WorkChain):
    """Base of work chains that go on as soon as any of the processes they wait for terminates.

    A WorkChain of aiida-core goes on when all of them have terminated.
    """

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Load a checkpoint; no process is watched yet by this worker."""
        self._watched: set[int] = set()
        super().load_instance_state(saved_state, load_context)  # type: ignore[no-untyped-call]

    def wait_for_any(self, processes: Iterable[int]) -> bool:
        """Wait, after this step, for any of these PKs; return whether there is one."""
        nodes: list[Any] = [load_node(pk) for pk in processes]
        self._awaitables.extend(map(construct_awaitable, nodes))
        return bool(self._awaitables)

    def _action_awaitables(self) -> None:
        """Watch each process once, however often the step is repeated."""
        watched: set[int] = self.__dict__.setdefault("_watched", set())
        for awaitable in self._awaitables:
            if awaitable.pk not in watched:
                watched.add(awaitable.pk)
                callback = partial(self.call_soon, self._resume_after, awaitable.pk)
                self.runner.call_on_process_finish(awaitable.pk, callback)

    def _resume_after(self, pk: int) -> None:
        self._watched.discard(pk)
        if self.state == ProcessState.WAITING:
            self.resume()


def is_daemon_alive(client: DaemonClient) -> bool:
    """Return whether the daemon runs.

    For `is_daemon_running` the file with its process id suffices, which a crashed daemon leaves.
    """
    return client.is_daemon_running and not client._is_pid_file_stale


def remove_stale_pid_file(client: DaemonClient) -> None:
    """Remove the file that a killed daemon leaves, for which `verdi process repair` does nothing.

    `start_daemon` removes it, too, but processes are put back into the queue before that.
    """
    if client.is_daemon_running and client._is_pid_file_stale:
        Path(client.circus_pid_file).unlink(missing_ok=True)


def start_daemon(client: DaemonClient, timeout: int) -> None:
    """Start the daemon in a folder of its own, which is empty.

    A broker of ZeroMQ that finds an empty file with the path of its sockets, as a full disk leaves
    it, deletes all that is in the folder in which the daemon was started.
    """
    folder, before = _find_daemon_folder(), os.getcwd()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    try:
        client.start_daemon(timeout=timeout)
    finally:
        os.chdir(before)


def has_own_folder(client: DaemonClient) -> bool:
    """Return whether the daemon was started in the folder of `start_daemon`."""
    pid = client.get_daemon_pid()
    try:
        return pid is None or Path(psutil.Process(pid).cwd()).samefile(_find_daemon_folder())
    except psutil.Error:
        return True
    except FileNotFoundError:  # not made yet, as by earlier versions, or deleted since
        return False


def _find_daemon_folder() -> Path:
    return Path(get_config().dirpath) / "daemon" / "empty"


def get_daemon_environment(client: DaemonClient) -> dict[str, Any] | None:
    """Return `python_binary` and `packages` with which the daemon was started; None if unknown.

    aiida-core reads them only to print a warning.
    """
    found = client._get_daemon_env_info()
    return None if found is None else {**found}


def get_installed_package(client: DaemonClient) -> dict[str, Any] | None:
    """Return aiida-hpaint in this Python as `packages` of `get_daemon_environment` has it.

    aiida-core reads the metadata of each package once for each of its entry points.
    """
    module: Any = entry_point
    search = module.eps
    ours = [one for one in search() if one.value.startswith("aiida_hpaint.")]
    module.eps = lambda: ours
    try:
        package: Any = client._get_package_version_snapshot().get("aiida-hpaint")
    finally:
        module.eps = search
    return None if package is None else {**package}


def remove_broker_files(broker: Any) -> None:
    """Remove the files of a ZeromqBroker that was killed.

    A worker that starts before the new broker would connect to the old socket and wait there
    forever: aiida-core checks that the address exists, not that a broker listens.
    """
    for path in (broker._service_sockets_file, broker._service_pid_file):
        path.unlink(missing_ok=True)


def get_queued_processes(broker: Any) -> set[int]:
    """Return the PKs of processes that wait in the queue of a ZeromqBroker or are with a worker.

    aiida-core reads the queue only with a class that, when it is made, takes from the workers what
    they work on. A task moves between two folders, from the first to the second or back, so that
    the first is read again.
    """
    found: set[int] = set()
    tasks = broker._storage_path / "tasks"
    for folder in ("pending", "processing", "pending"):
        for path in (tasks / folder).glob("*.json"):
            with suppress(FileNotFoundError, ValueError, KeyError):  # done meanwhile, or no process
                found.add(json.loads(path.read_text("utf-8"))["body"]["args"]["pid"])
    return found


def check_work_folder(transport: Any, authinfo: Any, computer: Any) -> tuple[bool, str]:
    """Write, read and delete a file in the work directory of a computer, as verdi tests it.

    aiida-core has these tests of computers only as private functions of its command line.

    Returns
    -------
    Whether it worked, and what was found.
    """
    from aiida.cmdline.commands.cmd_computer import _computer_create_temp_file

    is_ok, message = _computer_create_temp_file(transport, None, authinfo, computer)
    return bool(is_ok), str(message)


def count_scheduler_jobs(transport: Any, scheduler: Any, computer: Any) -> str:
    """Ask the scheduler of a computer for its jobs, and return a sentence on how many there are."""
    from aiida.cmdline.commands.cmd_computer import _computer_test_get_jobs

    _, message = _computer_test_get_jobs(transport, scheduler, None, computer)
    return str(message)


def find_orphans(profile: str) -> Iterator[psutil.Process]:
    """Find the processes of the daemon of a profile, whatever their parents are.

    A supervisor (circus) that is killed leaves its workers and the broker, which the next daemon
    does not stop. They are recognised by their command lines.
    """
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
    if any(_CIRCUS_STATISTICS in argument for argument in command):
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
