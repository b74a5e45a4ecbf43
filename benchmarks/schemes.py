"""The four inpainting schemes with one network: match rates, network evaluations, CPU time.

    python benchmarks/schemes.py references.extxyz --output runs/schemes

Removes H from reference crystals and samples it with each scheme, without relaxation. Each line of
the table is written before the next begins: the same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from aiida_hpaint.science.benchmark import read_references
from aiida_hpaint.science.diffusion import generate, load_model
from aiida_hpaint.science.diffusion.sampling.schedule import (
    count_evaluations,
    plan_visits,
    resolve_settings,
)
from aiida_hpaint.science.evaluation import estimate_rate, is_match
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch

VARIANTS: dict[str, dict[str, Any]] = {
    "td, 25 levels": {"scheme": "td", "steps": 25},
    "td, 25 levels, corrector": {"scheme": "td", "steps": 25, "corrector_steps": 1},
    "td, 100 levels": {"scheme": "td", "steps": 100},
    "pos-only, 25 levels": {"scheme": "pos-only", "steps": 25},
    "pos-only, 100 levels, corrector": {"scheme": "pos-only", "steps": 100, "corrector_steps": 1},
    "baseline, 25 levels": {"scheme": "baseline", "steps": 25},
    "baseline, 100 levels, corrector": {"scheme": "baseline", "steps": 100, "corrector_steps": 1},
    "repaint, 50 levels, 3 x 5": {"scheme": "repaint", "steps": 50, "resamplings": 3, "jump": 5},
    "repaint, 200 levels, 3 x 10": {
        "scheme": "repaint",
        "steps": 200,
        "resamplings": 3,
        "jump": 10,
    },
}


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    options = parse_options()
    options.output.mkdir(parents=True, exist_ok=True)
    chosen = read_references([options.references], limit=options.limit)
    rows = []
    for name, variant in VARIANTS.items():
        path = options.output / f"{name.replace(', ', '_').replace(' ', '-')}.json"
        if not path.exists():
            row = measure(name, variant, chosen.hosts, chosen.complete, options)
            path.write_text(json.dumps(row, indent=2) + "\n")
        rows.append(json.loads(path.read_text()))
    print_table(rows)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, help="complete structures (extxyz, CIF, ...)")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--generator", default="bundled", help="model to sample with")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--limit", type=int, default=None, help="only the first hosts")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


def measure(
    name: str,
    variant: dict[str, Any],
    hosts: StructureBatch,
    references: StructureBatch,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Measure one scheme and return its line of the table."""
    settings = SamplingSettings(
        generator=options.generator, samples=options.samples, seed=7, **variant
    )
    with ProcessPoolExecutor(options.processes) as pool:
        jobs = pool.map(sample, hosts, references, [settings] * len(hosts))
        results = list(tqdm(jobs, total=len(hosts), desc=name, unit="host"))
    rate = estimate_rate([found for found, _ in results])
    anywhere = estimate_rate([any(found) for found, _ in results])
    return {
        "name": name,
        "settings": settings.model_dump(mode="json"),
        "single": [rate.value, rate.error],
        "any": [anywhere.value, anywhere.error],
        "hosts": len(hosts),
        "count_evaluations": count_network_calls(settings),
        "seconds": float(np.mean([seconds for _, seconds in results])) / options.samples,
    }


def sample(
    host: StructureBatch, reference: StructureBatch, settings: SamplingSettings
) -> tuple[list[bool], float]:
    """Return which samples of one host match, and the CPU seconds of sampling."""
    torch.set_num_threads(1)
    began = time.process_time()
    samples = generate(host, settings)
    seconds = time.process_time() - began
    return [is_match(drawn, reference) for drawn in samples], seconds


def count_network_calls(settings: SamplingSettings) -> int:
    """Count the evaluations of the network per sample."""
    settings = resolve_settings(settings, load_model(settings.generator).card)
    return count_evaluations(plan_visits(settings), settings.corrector_steps or 0)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the table as Markdown."""
    print("| scheme | single sample | any of the samples | evaluations | CPU s per sample |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows:
        single, anywhere = (
            f"{100 * value:.1f} ± {100 * error:.1f} %"
            for value, error in (row["single"], row["any"])
        )
        cost = f"{row['count_evaluations']} | {row['seconds']:.2f}"
        print(f"| {row['name']} | {single} | {anywhere} | {cost} |")


if __name__ == "__main__":
    main()
