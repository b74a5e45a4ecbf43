"""Evaluations of GemNet-dT, compared with mattergen with the same weights.

    make parity                                # once, for an environment with mattergen
    .oracle/bin/python benchmarks/gemnet.py

Both run in one process on one thread, alternately, in single precision, on noised crystals with
hydrogen: with all sites unknown, and with hydrogen unknown as in inpainting, where this package
evaluates no force on a known site. On a CPU the time is the CPU time, so that other work on the
machine matters little; the smallest of the rounds counts. What this package prepares once per
trajectory is not included. Outputs are compared, too.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from parity import ours  # noqa: E402
from parity.crystals import KNOWN_TIME, Case, load_cases  # noqa: E402
from parity.oracle import networks as oracle  # noqa: E402

TIME = 0.3
Run = Callable[[], Any]


def main() -> None:
    """Measure and print one table."""
    options = parse_options()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    theirs = oracle.build("full", per_site=True).to(options.device)
    mine = ours.build("full").to(options.device)
    cases = noise_crystals(16)
    print(f"seconds per structure and evaluation on {options.device}, torch {torch.__version__}")
    print("| unknown | batch | mattergen | ours | ratio | ours, bf16 | ratio | difference |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, everything in (("all sites", True), ("hydrogen", False)):
        known = [case if not everything else hide_all_sites(case) for case in cases]
        for size in (1, 16):
            print(measure_line(name, known, size, theirs, mine, options), flush=True)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    best = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=["cpu", "cuda"], default=best)
    parser.add_argument("--rounds", type=int, default=3, help="the fastest counts")
    return parser.parse_args()


def noise_crystals(count: int) -> list[Case]:
    """Return crystals whose hydrogen is displaced by noise."""
    plain = [case for case in load_cases() if 1 in case.numbers and "noised" not in case.label]
    generator = np.random.default_rng(0)
    found = []
    for index in range(count):
        case = plain[index % len(plain)]
        level = 0.01 * 500**TIME * len(case.numbers) ** (-1 / 3)
        noise = level * generator.standard_normal(case.frac.shape) * case.unknown[:, None]
        times = np.where(case.unknown, TIME, KNOWN_TIME)
        found.append(replace(case, frac=(case.frac + noise) % 1.0, time=TIME, site_times=times))
    return found


def hide_all_sites(case: Case) -> Case:
    """Return the case with all sites unknown."""
    everywhere = np.ones_like(case.unknown)
    return replace(case, unknown=everywhere, site_times=np.full(len(everywhere), TIME))


def measure_line(
    name: str, cases: list[Case], size: int, theirs: Any, mine: Any, options: argparse.Namespace
) -> str:
    """Measure and return one line of the table."""
    chosen = [cases[:16]] if size == 16 else [[case] for case in cases[:5]]
    runs = [prepare_runs(batch, theirs, mine, options.device) for batch in chosen]
    apart = max(float((run[0]() - run[1]()).abs().max()) for run in runs)
    clock = time.process_time if options.device == "cpu" else read_gpu_clock
    sums = np.array([time_runs(run, options.rounds, clock) for run in runs]).sum(0)
    reference, single, half = sums / sum(map(len, chosen))
    return (
        f"| {name} | {size} | {reference:.3g} | {single:.3g} | {reference / single:.2f} | "
        f"{half:.3g} | {reference / half:.2f} | {apart:.0e} |"
    )


def time_runs(runs: list[Run], rounds: int, clock: Callable[[], float]) -> list[float]:
    """Return the smallest time of each run; they take turns."""
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for index, run in enumerate(runs):
            start = clock()
            run()
            best[index] = min(best[index], clock() - start)
    return best


def read_gpu_clock() -> float:
    """Return the time at which the GPU has finished."""
    torch.cuda.synchronize()
    return time.perf_counter()


def prepare_runs(cases: list[Case], theirs: Any, mine: Any, device: str) -> list[Run]:
    """Return evaluations by mattergen, by this package, and by this package in half precision."""
    batch = oracle.graphs(cases, torch.float32).to(device)
    times = torch.as_tensor(np.concatenate([case.site_times for case in cases])).float().to(device)
    moving = torch.as_tensor(np.concatenate([case.unknown for case in cases])).to(device)
    padded = ours.to_crystals(cases, torch.float32, all_unknown=False)
    levels = ours.levels_at([case.site_times for case in cases], padded).to(device)
    padded = padded.to(device, torch.float32)
    prepared = mine.prepare(padded)

    def reference() -> Any:
        with oracle.precision(torch.float32):
            return theirs(batch, times)["pos"][moving]

    def single() -> Any:
        return -mine(padded, levels, prepared)[padded.present][moving]

    def half() -> Any:
        with torch.autocast(device, torch.bfloat16):
            return -mine(padded, levels, prepared)[padded.present][moving]

    return [reference, single, half]


if __name__ == "__main__":
    main()
