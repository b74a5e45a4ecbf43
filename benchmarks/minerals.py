"""Restore files of minerals, and count the answers that pass all checks.

    python benchmarks/minerals.py FOLDER_OF_CIFS --output results [--protocol fast] [--sites 60]

Hosts with more sites than `--sites` (host and inserted, in the cell of the file) are left out. The
outcome of each host is a line of `results/outcomes.jsonl`, written when the host is done; a run
that is started again goes on where it stopped. All candidates are in `results/NAME.extxyz`. At the
end it prints a table.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint.science.plausibility.check_answers import name_findings
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.restoration import Restoration, restore_batch
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.structures import prepare_hosts, write_extxyz
from aiida_hpaint.science.structures.batch import StructureBatch

OUTCOMES = "outcomes.jsonl"


def main() -> None:
    """Restore what is not restored yet, the smallest first, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--protocol", default="balanced")
    parser.add_argument("--sites", type=int, default=60)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen.output.mkdir(parents=True, exist_ok=True)
    settings = load_protocol(chosen.protocol)
    log = chosen.output / OUTCOMES
    done = {row["file"] for row in read_outcomes(log)}
    for path, host in list_hosts(chosen.folder, chosen.sites):
        if path.name not in done:
            row = measure(path, host, settings, chosen.output)
            print(json.dumps(row), flush=True)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    report(read_outcomes(log))


def read_outcomes(log: Path) -> list[dict[str, Any]]:
    """Return the outcomes so far."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def list_hosts(folder: Path, most: int) -> list[tuple[Path, StructureBatch]]:
    """Read the hosts that are not too large, the smallest first; name those that are refused."""
    found = []
    for path in sorted(folder.glob("*.cif")):
        hosts, problems = prepare_hosts(path)
        for problem in problems:
            print(f"refused: {problem}", flush=True)
        if hosts is not None:
            found += [(path, one) for one in hosts if one.n_sites <= most]
    return sorted(found, key=lambda pair: pair[1].n_sites)


def measure(
    path: Path, host: StructureBatch, settings: RestorationSettings, output: Path
) -> dict[str, Any]:
    """Restore one host, and return what came out."""
    began, cpu = time.monotonic(), time.process_time()
    found = restore_batch(host, settings)
    candidates = found.candidates(0)
    write_extxyz(candidates, output / f"{path.stem}.extxyz")
    return {
        "file": path.name,
        "sites": host.n_sites,
        "inserted": int(host.inserted.sum()),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "statuses": dict(Counter(map(str, found.samples.scalars["status"]))),
        **describe_answer(found, candidates),
    }


def describe_answer(found: Restoration, candidates: StructureBatch) -> dict[str, Any]:
    """Return the findings about the candidate of rank 0, and how many candidates pass."""
    if not len(candidates):
        return {"passes": False, "failed": ["no candidate"], "notices": []}
    best = candidates[0]
    return {
        "passes": bool(best.scalars["passes"][0]),
        **best.metadata[0]["checks"],
        "host_displacement": round(float(best.scalars["host_displacement"][0]), 3),
        "passing": int(np.count_nonzero(candidates.scalars["passes"])),
        "candidates": len(candidates),
    }


def report(rows: list[dict[str, Any]]) -> None:
    """Print how many answers pass, what the others fail, and what was worth a notice."""
    passed = sum(row["passes"] for row in rows)
    print(f"\n{passed} of {len(rows)} answers pass all checks ({passed / max(len(rows), 1):.1%})")
    for row in rows:
        if not row["passes"]:
            print(f"{row['file']} ({row['sites']} sites): {'; '.join(row['failed'])}")
    notices = Counter(name for row in rows for name in name_findings(row["notices"]).split(", "))
    print("notices:", ", ".join(f"{name} {count}" for name, count in notices.most_common() if name))
    print(f"CPU seconds: {sum(row['cpu_seconds'] for row in rows):.0f}")


if __name__ == "__main__":
    main()
