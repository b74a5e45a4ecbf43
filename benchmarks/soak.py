"""Soak: campaigns in miniature, and faults at random times from a seed.

    python benchmarks/soak.py --minutes 5 --seed 1
    python benchmarks/soak.py --minutes 1440 --seed 2 --postgresql --output soak.json

A daemon with two workers restores small crystals, campaign after campaign, with random placement in
place of the network and a harmonic well in place of the potential. Meanwhile the database is locked
and read for longer than SQLite waits, workers, the supervisor and jobs are killed, the daemon is
restarted and, where root may mount a small disk for it, the disk is full for a while. In the end
`aiida-hpaint setup` and another submission have to bring every campaign to its end: each host is
restored once, no process is left, and database and repository are intact. The exit status says so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
from campaign import CHEAP, SETTINGS, write_hosts
from postgresql import Server

LONGEST_LOCK = 20.0
"""Seconds; SQLite waits for 5, AiiDA's `core.sqlite_dos` no longer."""

LOOK_AGAIN = 75.0
"""Seconds until `aiida-hpaint setup` is run again."""

CHECK = """
import json
from collections import Counter
from aiida import load_profile; load_profile()
from aiida.orm import ProcessNode, QueryBuilder
from aiida_hpaint.campaigns.group import CampaignGroup
from aiida_hpaint.campaigns.state import read_campaign_state
groups = QueryBuilder().append(CampaignGroup).all(flat=True)
states = {group.label: read_campaign_state(group, with_jobs=False) for group in groups}
found = {name: [s.total, s.restored + s.without, s.failed] for name, s in states.items()}
alive = {"attributes.process_state": {"in": ["created", "running", "waiting"]}}
calls = Counter()
for node in QueryBuilder().append(ProcessNode).all(flat=True):
    for link in node.base.links.get_outgoing().all():
        # Functions that a process calls itself may share the label of AiiDA's default.
        if link.link_type.value.startswith("call") and link.link_label != "CALL":
            calls[node.pk, link.link_label] += not link.node.process_status == DEAD
print("FOUND", json.dumps({
    "campaigns": found,
    "alive": QueryBuilder().append(ProcessNode, filters=alive).count(),
    "processes": QueryBuilder().append(ProcessNode).count(),
    "called twice": sum(count > 1 for count in calls.values()),
}))
"""


class Soak:
    """One run: a profile in a folder, its campaigns, and the faults so far."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.random = random.Random(options.seed)
        self.faults: Counter[str] = Counter()
        self.campaigns = 0
        self.is_small_disk = False

    def run(self) -> dict[str, Any]:
        """Submit campaigns and cause faults until the time is over; then heal and check."""
        self.set_up()
        kinds: list[Callable[[], None]] = [self.kill_worker, self.kill_supervisor, self.kill_job]
        kinds += [self.restart_daemon]
        kinds += [] if self.options.postgresql else [self.lock, self.read]
        kinds += [self.fill_disk] if self.is_small_disk else []
        self.submit_new()
        begun = time.monotonic()
        while time.monotonic() - begun < 60 * self.options.minutes:
            time.sleep(self.random.expovariate(1 / self.options.interval))
            fault = self.random.choice(kinds)
            print(f"[{time.monotonic() - begun:.0f} s] {fault.__name__}", flush=True)
            self.faults[fault.__name__] += 1
            fault()
            if not self.count_alive():
                self.submit_new()
        return self.heal()

    def set_up(self) -> None:
        """Make the profile and its daemon of two workers."""
        os.environ |= {"AIIDA_PATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        os.environ.pop("AIIDA_PROFILE", None)
        path = os.pathsep.join(filter(None, [str(CHEAP), os.environ.get("PYTHONPATH")]))
        os.environ["PYTHONPATH"] = path
        self.start_daemon()

    def start_daemon(self) -> None:
        """Repair what is broken, as a user would; then add the second worker."""
        self.command("aiida-hpaint", "setup")
        if len(self.find("worker")) < 2:
            self.command("verdi", "daemon", "incr", "1")

    def submit_new(self) -> None:
        """Submit a campaign of crystals that no campaign before had."""
        self.campaigns += 1
        hosts = self.folder / f"hosts{self.campaigns}"
        write_hosts(hosts, self.options.hosts, shift=0.001 * self.campaigns)
        text = SETTINGS.format(
            chunk_sites=8, max_jobs=2, environment=f"PYTHONPATH: '{os.environ['PYTHONPATH']}'"
        )
        text = text.replace("campaign: bench", f"campaign: soak{self.campaigns}")
        text = text.replace("hosts: [hosts]", f"hosts: [hosts{self.campaigns}]")
        (self.folder / f"soak{self.campaigns}.yaml").write_text(text, encoding="utf-8")
        self.command("aiida-hpaint", "submit", f"soak{self.campaigns}.yaml")

    def heal(self) -> dict[str, Any]:
        """Bring all campaigns to their end, and check what there is."""
        for attempt in range(5):
            print(f"healing, attempt {attempt + 1}", flush=True)
            self.start_daemon()
            for number in range(1, self.campaigns + 1):
                self.command("aiida-hpaint", "submit", f"soak{number}.yaml", "--again", "failed")
            deadline = time.monotonic() + 600
            looked = time.monotonic()
            while self.count_alive() and time.monotonic() < deadline:
                time.sleep(5)  # each look starts a Python
                if time.monotonic() - looked > LOOK_AGAIN:  # a process is stuck from a minute on
                    self.start_daemon()
                    looked = time.monotonic()
            found = self.check()
            print(json.dumps(found), flush=True)
            if found["is_sound"]:
                break
        return {"faults": dict(self.faults), **found}

    def check(self) -> dict[str, Any]:
        """Return the state of all campaigns, and whether everything is as it has to be."""
        script = f"from aiida_hpaint.workflows.engine.resubmission import DEAD\n{CHECK}"
        done = self.command("python", "-c", script)
        found: dict[str, Any] = json.loads(done.split("FOUND")[1])
        broken = []
        if not self.options.postgresql:
            with closing(sqlite3.connect(self.database)) as base:
                broken = [row[0] for row in base.execute("PRAGMA integrity_check")]
                broken = [row for row in broken if row != "ok"]
                broken += base.execute("PRAGMA foreign_key_check").fetchall()
        states = found["campaigns"].values()
        names = [f"soak{number}" for number in range(1, self.campaigns + 1)]
        found["is_sound"] = (
            all(name in self.command("aiida-hpaint", "status", name) for name in names)
            and not broken
            and not found["alive"]
            and not found["called twice"]
            and len(found["campaigns"]) == self.campaigns
            and all(total == done for total, done, _ in states)
        )
        return {**found, "broken": broken}

    @property
    def database(self) -> Path:
        """The file of SQLite."""
        return next(self.folder.rglob("database.sqlite"))

    def lock(self) -> None:
        """Lock the database for longer than SQLite waits."""
        with closing(sqlite3.connect(self.database, isolation_level=None, timeout=60)) as base:
            base.execute("BEGIN EXCLUSIVE")
            time.sleep(self.random.uniform(1, LONGEST_LOCK))
            base.execute("ROLLBACK")

    def read(self) -> None:
        """Keep a transaction open that only reads."""
        with closing(sqlite3.connect(self.database, isolation_level=None, timeout=60)) as base:
            base.execute("BEGIN")
            base.execute("SELECT count(*) FROM db_dbnode").fetchone()
            time.sleep(self.random.uniform(1, LONGEST_LOCK))

    def kill_worker(self) -> None:
        """Kill one of the workers; the supervisor starts another."""
        self.kill(self.find("worker"))

    def kill_supervisor(self) -> None:
        """Kill the supervisor of the daemon, and set it up again."""
        self.kill(self.find("start-circus"))
        self.start_daemon()

    def kill_job(self) -> None:
        """Kill the processes of one job."""
        scratch = str(self.folder / ".aiida" / "scratch")
        jobs = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd().startswith(scratch):
                    jobs.append(process)
        self.kill(jobs)

    def restart_daemon(self) -> None:
        """Stop the daemon in order, and start it."""
        self.command("verdi", "daemon", "stop", "--timeout", "60")
        self.start_daemon()

    def fill_disk(self) -> None:
        """Leave no space for a while."""
        path = self.folder / "filling"
        with suppress(OSError), path.open("wb") as stream:
            while True:
                stream.write(bytes(2**20))
        time.sleep(self.random.uniform(1, 10))
        path.unlink()

    def kill(self, processes: list[psutil.Process]) -> None:
        """Kill one of some processes."""
        if processes:
            with suppress(psutil.Error):
                self.random.choice(processes).send_signal(signal.SIGKILL)

    def find(self, role: str) -> list[psutil.Process]:
        """Find the processes of the daemon in a role."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = process.cmdline()
                path = Path(process.environ().get("AIIDA_PATH", ""))
                if self.folder in (path, path.parent) and "daemon" in words and role in words:
                    found.append(process)
        return sorted(found, key=lambda process: process.pid)

    def count_alive(self) -> int:
        """Count the processes of AiiDA that have not ended."""
        script = (
            "from aiida import load_profile; load_profile()\n"
            "from aiida.orm import ProcessNode, QueryBuilder\n"
            "states = {'attributes.process_state': {'in': ['created', 'running', 'waiting']}}\n"
            "print('FOUND', QueryBuilder().append(ProcessNode, filters=states).count())"
        )
        return int(self.command("python", "-c", script).split("FOUND")[1])

    def command(self, program: str, *words: str) -> str:
        """Run a program of this environment, and return what it prints."""
        path = Path(sys.executable).parent / program
        done = subprocess.run(
            [path, *words], cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode and program == "python":
            raise SystemExit(done.stderr)
        return done.stdout


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3.0, help="minutes of faults")
    parser.add_argument("--interval", type=float, default=15.0, help="mean seconds between faults")
    parser.add_argument("--hosts", type=int, default=8, help="hosts of a campaign, two a chunk")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgresql", action="store_true", help="without locks of SQLite")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hpaint-soak-"))
    soak = Soak(folder, options)
    mount = ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", str(folder)]
    if os.geteuid() == 0 and not options.postgresql:
        soak.is_small_disk = not subprocess.run(mount, check=False, capture_output=True).returncode
    server = Server(folder) if options.postgresql else None
    if server is not None:
        server.start()
    try:
        if server is not None:
            os.environ["AIIDA_PATH"] = str(folder)
            verdi = Path(sys.executable).parent / "verdi"
            server.make_profile("soak", verdi, folder / "repository")
        found = soak.run()
    finally:
        soak.command("verdi", "daemon", "stop", "--timeout", "60")
        if server is not None:
            server.stop()
        if soak.is_small_disk:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps({"seed": options.seed, "minutes": options.minutes, **found}, indent=2)
    print(text)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if found["is_sound"] else 1)


if __name__ == "__main__":
    main()
