from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from aiida_hpaint.cli import daemon


def test_a_dying_process_is_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
    watched = psutil.Process(process.pid)

    def is_alive() -> bool:
        return watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE

    assert is_alive()
    assert daemon._wait_for_end(is_alive)
    process.wait()


def test_a_living_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "KILL_TIMEOUT", 0.2)
    assert not daemon._wait_for_end(lambda: True)


def test_a_daemon_that_is_being_stopped_may_take_longer_than_a_killed_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not answer any more, and is alive for a while: another one starts only after it."""
    looks = iter([True] * 5)
    events = []

    class Client:
        profile = SimpleNamespace(name="p")

        def stop_daemon(self, **_: object) -> None:
            events.append("stop")

    def is_alive(_: object) -> bool:
        return next(looks, False)

    monkeypatch.setattr(daemon, "KILL_TIMEOUT", 0.0)
    monkeypatch.setattr(daemon, "get_daemon_client", Client)
    monkeypatch.setattr(daemon, "is_daemon_alive", is_alive)
    monkeypatch.setattr(daemon, "_answers", lambda _: False)
    steps = ("stop_orphans", "_remove_dead_broker", "remove_stale_pid_file", "_requeue_processes")
    for name in steps:
        monkeypatch.setattr(daemon, name, lambda *_: None)
    monkeypatch.setattr(daemon, "start_daemon", lambda *_: events.append("start"))
    assert daemon.ensure_daemon()
    assert events == ["start"]
    assert next(looks, None) is None


def test_a_daemon_that_ends_in_time_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process id is gone, and psutil would take the id of this very process."""
    killed: list[int] = []
    monkeypatch.setattr(psutil.Process, "kill", lambda process: killed.append(process.pid))
    monkeypatch.setattr(daemon, "is_daemon_alive", lambda _: False)
    ended: Any = SimpleNamespace(get_daemon_pid=lambda: None)
    daemon._kill_supervisor(ended)
    assert killed == []
    assert not daemon.has_deaf_workers(ended)
