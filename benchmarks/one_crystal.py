"""CPU and wall time of one crystal, in plain Python and through AiiDA: client, daemon and job.

    python benchmarks/one_crystal.py examples/hosts/brucite.cif

Restores one host with the defaults, with and without AiiDA, both several times by turns with equal
seeds, in a new profile with a real daemon. The first pair warms up: it stores the folded potential
and imports what the daemon needs for any restoration; it is reported, but not part of the medians.
Jobs outlive the shells that start them, so that this script makes itself the parent of orphans,
which only Linux can.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

ADOPT_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of Linux's prctl."""

CPU = ("plain_s", "client_s", "daemon_s", "jobs_s", "aiida_s", "ratio")
WALL = ("plain_wall_s", "aiida_wall_s", "wall_ratio")
COLUMNS = (*CPU, *WALL)


def main() -> None:
    """Measure, print and write."""
    options = parse_options()
    if ctypes.CDLL(None, use_errno=True).prctl(ADOPT_ORPHANS, 1, 0, 0, 0):
        raise SystemExit("this script cannot adopt orphans, which its measure of jobs needs")
    folder = Path(tempfile.mkdtemp(prefix="hpaint-one-"))
    os.environ |= {"AIIDA_PATH": str(folder), "OMP_NUM_THREADS": "1"}
    os.environ.pop("AIIDA_PROFILE", None)
    try:
        run_command(folder, "aiida-hpaint", "setup")
        host = str(options.host.resolve())
        pairs = [measure_pair(folder, host, seed) for seed in range(options.repeat + 1)]
    finally:
        run_command(folder, "verdi", "daemon", "stop")
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    middle = {name: round(median(pair[name] for pair in pairs[1:]), 2) for name in COLUMNS}
    print_table([("first", pairs[0]), (f"median of {len(pairs) - 1}", middle)])
    if options.output:
        command = " ".join(["python", "benchmarks/one_crystal.py", *sys.argv[1:]])
        found = {"command": command, "median": middle, "first": pairs[0], "others": pairs[1:]}
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("host", type=Path, help="file of a crystal without its H")
    parser.add_argument("--repeat", type=int, default=3, help="pairs after the first")
    parser.add_argument("--output", type=Path, help="JSON file for all figures")
    parser.add_argument("--keep", action="store_true", help="keep the profile")
    return parser.parse_args()


def measure_pair(folder: Path, host: str, seed: int) -> dict[str, float]:
    """Restore in plain Python and through AiiDA, and return CPU and wall times (s) and ratios."""
    words = ("aiida-hpaint", "restore", host, "--seed", str(seed), "--output")
    plain, _, plain_wall = run_command(folder, *words, f"plain{seed}", "--no-aiida")
    before = measure_daemon()
    client, jobs, wall = run_command(folder, *words, f"aiida{seed}")
    daemon = measure_daemon() - before
    total = client + daemon + jobs
    times = (plain, client, daemon, jobs, total, total / plain, plain_wall, wall, wall / plain_wall)
    return {name: round(value, 2) for name, value in zip(COLUMNS, times, strict=True)}


def run_command(folder: Path, *words: str) -> tuple[float, float, float]:
    """Run a command; return its CPU time, that of orphans that end meanwhile, and its wall time."""
    begun = time.perf_counter()
    with (folder / "output.txt").open("w+", encoding="utf-8") as output:
        program = Path(sys.executable).parent / words[0]
        client = subprocess.Popen(
            [program, *words[1:]], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        orphans = 0.0
        while client.returncode is None:
            pid, status, usage = os.wait4(-1, 0)
            seconds = usage.ru_utime + usage.ru_stime
            if pid == client.pid:
                client.returncode = os.waitstatus_to_exitcode(status)
            else:
                orphans += seconds
        wall = time.perf_counter() - begun
        output.seek(0)
        text = output.read()
    print(f"$ {' '.join(words)}  ({wall:.1f} s)\n{text}", flush=True)
    if client.returncode and words[0] != "verdi":
        raise SystemExit(f"{' '.join(words)} failed")
    return seconds, orphans, wall


def measure_daemon() -> float:
    """Return the CPU time (s) of all processes of the daemon, with the commands that they ran."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def print_table(rows: list[tuple[str, dict[str, float]]]) -> None:
    """Print the figures as a table in Markdown."""
    names = [name.replace("_s", " (CPU-s)") for name in CPU]
    names += [name.replace("_wall_s", " (s)").replace("_", " ") for name in WALL]
    print("| pair |", " | ".join(names), "|")
    print("| --- |", " | ".join("---" for _ in COLUMNS), "|")
    for label, row in rows:
        print(f"| {label} |", " | ".join(f"{row[name]:.1f}" for name in COLUMNS), "|")


if __name__ == "__main__":
    main()
