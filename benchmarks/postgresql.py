"""A PostgreSQL server in a folder of its own, for profiles of benchmarks and tests.

As root the server runs as the user `postgres`, since it refuses to run as root.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

USER = "hpaint"
"""Superuser and database of the server; it trusts whoever connects from this machine."""


class Server:
    """A server whose data are in a folder; it runs from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "postgresql"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def start(self) -> None:
        """Make the data, start the server, and make the database."""
        self.data.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
            self.data.parent.chmod(0o711)  # for that user to pass
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.data}"
        self._run("initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8")
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.data / "log"), "start")
        create = ["createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, USER]
        subprocess.run([find_program(create[0]), *create[1:]], check=True)

    def stop(self) -> None:
        """Stop the server at once."""
        self._run("pg_ctl", "-m", "fast", "stop")

    def make_profile(self, name: str, verdi: Path, repository: Path) -> None:
        """Make an AiiDA profile that stores in the database, as the documentation says."""
        values = {
            "profile-name": name,
            "email": "aiida@localhost",
            "first-name": "A",
            "last-name": "B",
            "institution": "C",
            "broker": "core.zeromq",
            "database-hostname": "127.0.0.1",
            "database-port": self.port,
            "database-username": USER,
            "database-password": "trusted",
            "database-name": USER,
            "repository-uri": repository.as_uri(),
        }
        words = [f"--{key}={value}" for key, value in values.items()]
        command = [verdi, "profile", "setup", "core.psql_dos", "-n", "--set-as-default", *words]
        subprocess.run(command, check=True)

    def _run(self, program: str, *words: str) -> None:
        command = [find_program(program), "-D", str(self.data), *words]
        if os.geteuid() == 0:
            command = [
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                *command,
            ]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)


def find_program(name: str) -> str:
    """Return the path of a program of PostgreSQL; Debian keeps them outside of the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise SystemExit(f"there is no {name} here: apt-get install postgresql")
    return found
