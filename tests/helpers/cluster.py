"""The cluster of `.ci/hpc/cluster`: sshd and a Slurm of one node on this machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "hpc" / "cluster"
PYTHON = ROOT / ".venv-remote" / "bin" / "python"
"""The Python of the remote side, which `make test-hpc` makes."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs, by the folder that has all of it."""

    folder: Path

    @property
    def home(self) -> Path:
        """HOME of whoever connects: its `.ssh/config` knows the host `hpc`."""
        return self.folder / "home"

    @property
    def scratch(self) -> Path:
        """Where jobs run."""
        return self.folder / "scratch"

    @property
    def disk(self) -> Path:
        """A file system that is full."""
        return self.folder / "disk"

    @property
    def marks(self) -> Path:
        """Where jobs and tests leave each other signs."""
        return self.folder / "state"

    def start(self, *hidden: Path) -> None:
        """Start all services; for jobs, these folders are empty."""
        self._call("start", *map(str, hidden))

    def stop(self) -> None:
        """Stop all services and jobs, and remove the folder."""
        self._call("stop")

    def down(self, service: str) -> None:
        """Kill sshd with its connections, or slurmd with its jobs."""
        self._call("down", service)

    def up(self, service: str) -> None:
        """Start sshd or slurmd again."""
        self._call("up", service)

    def slurm(self, *command: str) -> str:
        """What a program of Slurm prints."""
        environment = {**os.environ, "SLURM_CONF": str(self.folder / "etc" / "slurm.conf")}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def _call(self, command: str, *arguments: str) -> None:
        # A service inherits what is open, and pipes would be open as long as it runs.
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("w") as handle:
            line = ["bash", str(SCRIPT), command, str(self.folder), *arguments]
            done = subprocess.run(
                line, stdin=subprocess.DEVNULL, stdout=handle, stderr=handle, check=False
            )
        said = log.read_text()
        log.unlink()
        assert done.returncode == 0, f"cluster {command}: {said}"
