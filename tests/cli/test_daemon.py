from __future__ import annotations

import subprocess
import sys

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
