from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from aiida_hpaint.cli import session


def test_a_process_that_dies_is_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
    watched = psutil.Process(process.pid)

    def alive() -> bool:
        return watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE

    assert alive()
    assert session._ends(alive)
    process.wait()


def test_a_process_that_lives_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "DYING", 0.2)
    assert not session._ends(lambda: True)
