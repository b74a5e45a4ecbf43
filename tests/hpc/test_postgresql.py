"""Campaigns in a profile that stores in PostgreSQL, while its daemon is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.hpc
def test_each_host_is_restored_once_in_postgresql(tmp_path: Path) -> None:
    output = tmp_path / "soak.json"
    words = ["--postgresql", "--minutes", "0.3", "--interval", "8", "--hosts", "2"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "soak.py", *words, "--output", output],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(output.read_text())["is_sound"]
