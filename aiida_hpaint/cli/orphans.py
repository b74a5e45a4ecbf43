"""What a daemon leaves behind when its supervisor is killed: workers, broker and statistics."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from aiida.manage.configuration import get_config

__all__ = ["find_orphans", "stop_orphans"]

_PARTS = ("start-circus", "worker", "broker")
_STATISTICS = "from circus import stats"
_PATH, _FOLDER = "AIIDA_PATH", ".aiida"


def stop_orphans(profile: str, timeout: float) -> list[int]:
    """Stop what is left of the daemon of a profile that is not running; the PIDs.

    Two workers that do not share a broker would run the same processes twice.

    Parameters
    ----------
    profile
        Its name. Only processes of the configuration that is loaded count.
    timeout
        Seconds to wait until they are gone.
    """
    orphans = list(find_orphans(profile))
    for process in orphans:
        # Not politely: a worker that says goodbye to a broker that is going, too, loses its tasks.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans, timeout=timeout)
    return [process.pid for process in orphans]


def find_orphans(profile: str) -> Iterator[psutil.Process]:
    """Processes of the daemon of a profile, however they are connected."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and _is_part(process, profile) and _is_ours(process):
                yield process
        except psutil.Error:
            continue  # it ended just now, or is somebody else's


def _is_part(process: psutil.Process, profile: str) -> bool:
    command = process.cmdline()
    if any(_STATISTICS in argument for argument in command):
        # It does not say whose it is; without its supervisor it is nobody's.
        return not _has_supervisor(process)
    return any(command[i : i + 3] == ["-p", profile, "daemon"] for i in _verdi(command)) and any(
        part in command for part in _PARTS
    )


def _has_supervisor(process: psutil.Process) -> bool:
    try:
        parent = process.parent()
        # One that has been killed has no command any more, even while it is torn down.
        return parent is not None and "start-circus" in parent.cmdline()
    except psutil.Error:
        return False


def _verdi(command: Sequence[str]) -> list[int]:
    """Where the arguments of verdi begin."""
    return [i + 1 for i, argument in enumerate(command[:2]) if Path(argument).name == "verdi"]


def _is_ours(process: psutil.Process) -> bool:
    if process.uids().real != os.getuid():
        return False
    environment = process.environ()
    theirs = environment.get(_PATH) or environment.get("HOME", "")
    return _folder(Path(process.cwd(), theirs)) == _folder(Path(get_config().dirpath))


def _folder(path: Path) -> Path:
    """Daemons are told the folder of the configuration itself."""
    return (path if path.name == _FOLDER else path / _FOLDER).resolve()
