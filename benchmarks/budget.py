"""What it brings to know which atoms carry H: restorations with and without a budget.

    python benchmarks/budget.py references.extxyz --output runs/budget --protocol fast

Removes H from reference crystals and restores it twice: with hosts that only say how many H are
missing, and with hosts that say how many each atom carries, as labels like OH and Wat do. Each host
is written when it is finished: the same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aiida_hpaint.science.benchmark import read_references, run_benchmark
from aiida_hpaint.science.protocols import load_protocol

RATES = {
    "single_sample_match_unrelaxed": "single sample matches, unrelaxed",
    "single_sample_carriers_unrelaxed": "single sample, H at the right atoms",
    "any_match_unrelaxed": "any sample matches, unrelaxed",
    "lowest_match": "lowest matches",
    "lowest_carriers": "lowest, H at the right atoms",
    "les": "LES",
}
"""Rows of the table, by their name in the summary of a benchmark."""


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    options = parse_options()
    summaries = {}
    for generator in options.generators:
        for budget in (False, True):
            name = f"{generator}, {'with' if budget else 'without'} budget"
            summaries[name] = measure(options, generator, budget, name)
            print_table(summaries)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, nargs="+", help="complete structures")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--half", choices=["tune", "final"], help="only one half of them")
    parser.add_argument("--max-sites", type=int, default=40, help="largest number of sites")
    parser.add_argument("--protocol", default="fast")
    parser.add_argument("--generators", nargs="+", default=["bundled", "random"])
    parser.add_argument("--unrelaxed", action="store_true", help="compare samples as they are")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


def measure(options: argparse.Namespace, generator: str, budget: bool, name: str) -> dict[str, Any]:
    """Run one benchmark and return its summary."""
    references = read_references(
        options.references, half=options.half, budget=budget, max_sites=options.max_sites
    )
    settings = load_protocol(options.protocol, {"sampling": {"generator": generator}})
    folder = options.output / name.replace(", ", "-").replace(" ", "-")
    with tqdm(total=len(references.hosts), desc=name, unit="host", disable=None) as bar:

        def progress(done: int, total: int, text: str) -> None:
            bar.update(done - bar.n)

        return run_benchmark(
            references,
            settings,
            folder,
            relaxed=not options.unrelaxed,
            processes=options.processes,
            progress=progress,
        )


def print_table(summaries: dict[str, dict[str, Any]]) -> None:
    """Print a column for each benchmark, as Markdown."""
    first = next(iter(summaries.values()))
    print(f"\n{first['hosts']} hosts, {first['samples']} samples each\n")
    print("| | " + " | ".join(summaries) + " |\n" + "| --- " * (1 + len(summaries)) + "|")
    for key, title in RATES.items():
        if key in first:
            values = [format_rate(summary[key]) for summary in summaries.values()]
            print(f"| {title} | " + " | ".join(values) + " |")
    for key, title in (("sampling_per_host", "sampling"), ("per_host", "in all")):
        seconds = [summary["seconds"][key] for summary in summaries.values()]
        print(f"| CPU s per host, {title} | " + " | ".join(f"{s:.2f}" for s in seconds) + " |")


def format_rate(rate: dict[str, Any]) -> str:
    """Return a rate in per cent with its 95 % interval; a dash where no host has it."""
    if rate["value"] is None:
        return "-"
    return f"{100 * rate['value']:.1f} % ({100 * rate['low']:.0f} to {100 * rate['high']:.0f})"


if __name__ == "__main__":
    main()
