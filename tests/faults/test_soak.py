"""Twenty seconds of faults at random times; `make soak` and `benchmarks/soak.py` run longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long  # each fault has a test of its own, and test_postgresql.py soaks
def test_each_host_is_restored_once_whatever_happens_meanwhile(tmp_path: Path) -> None:
    output = tmp_path / "soak.json"
    command = [sys.executable, ROOT / "benchmarks" / "soak.py", "--minutes", "0.3", "--seed", "0"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, "--interval", "5", "--hosts", "2", "--output", output],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(output.read_text())
    assert found["is_sound"]
    assert sum(found["faults"].values()) > 0
