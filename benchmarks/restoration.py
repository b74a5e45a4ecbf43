"""How often restorations are right: take the H out of reference crystals and put it back.

    python benchmarks/restoration.py references.extxyz --output runs/bundled
    python benchmarks/restoration.py references.extxyz --generator random --output runs/random

Each host is restored with the settings of a protocol, and its reference is relaxed with the same
potential at fixed cell. Results are written host by host: run the same command again to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from aiida_hpaint.evaluation import lower_energy_or_match, matches, success_rate
from aiida_hpaint.protocols import load_protocol
from aiida_hpaint.restoration import restore_batch
from aiida_hpaint.settings import RestorationSettings
from aiida_hpaint.structures import read_hosts, remove_sites
from aiida_hpaint.structures.batch import StructureBatch
from aiida_hpaint.structures.fate import Fate

BINS = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 999))


def main() -> None:
    """Restore all hosts, write the summary and print it."""
    options = parse_options()
    settings = load_protocol(options.protocol, overrides(options))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "settings.json").write_text(settings.model_dump_json(indent=2) + "\n")
    hosts, references = load(options)
    rows = run(hosts, references, settings, options)
    summary = summarise(rows)
    (options.output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    report(summary, rows)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, help="complete structures (extxyz, CIF, ...)")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--element", default="H", help="element to take out and put back")
    parser.add_argument("--generator", default="bundled", help="model, or 'random'")
    parser.add_argument("--protocol", default="balanced")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="only the first hosts")
    parser.add_argument("--unrelaxed", action="store_true", help="sample only")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


def overrides(options: argparse.Namespace) -> dict[str, Any]:
    """What the options change in the protocol."""
    return {
        "sampling": {
            "generator": options.generator,
            "samples": options.samples,
            "seed": options.seed,
        }
    }


def load(options: argparse.Namespace) -> tuple[StructureBatch, StructureBatch]:
    """Hosts without the element and the references they come from."""
    complete = read_hosts(options.references)
    hosts, references = remove_sites(complete, options.element)
    rest = np.where((hosts.insert_counts > 0) & (hosts.insert_counts < hosts.site_counts))[0]
    return hosts[rest[: options.limit]], references[rest[: options.limit]]


def run(
    hosts: StructureBatch,
    references: StructureBatch,
    settings: RestorationSettings,
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    """One row a host, those of an earlier run included."""
    log = options.output / "hosts.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    finished = {row["index"] for row in rows}
    todo = [index for index in range(len(hosts)) if index not in finished]
    todo.sort(key=lambda index: -int(hosts.site_counts[index]))
    with ProcessPoolExecutor(options.processes) as pool, log.open("a") as file:
        jobs = [
            pool.submit(measure, i, hosts[i], references[i], settings, options.unrelaxed)
            for i in todo
        ]
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="hosts", unit="host"):
            rows.append(job.result())
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    return sorted(rows, key=lambda row: row["index"])


def measure(
    index: int,
    host: StructureBatch,
    reference: StructureBatch,
    settings: RestorationSettings,
    unrelaxed: bool,
) -> dict[str, Any]:
    """What came of one host."""
    from aiida_hpaint.diffusion import generate

    began = time.process_time()
    samples = generate(host, settings.sampling)
    row: dict[str, Any] = {
        "index": index,
        "label": host.labels[0],
        "sites": int(host.site_counts[0]),
        "inserted": int(host.insert_counts[0]),
        "sampling_seconds": time.process_time() - began,
        "matches_unrelaxed": [matches(sample, reference) for sample in samples],
    }
    return row if unrelaxed else {**row, **relaxed(host, reference, settings)}


def relaxed(
    host: StructureBatch, reference: StructureBatch, settings: RestorationSettings
) -> dict[str, Any]:
    """The relaxed part of `measure`."""
    from aiida_hpaint.relaxation import relax

    began = time.process_time()
    samples = restore_batch(host, settings)
    seconds = time.process_time() - began
    ranked = samples[np.argsort(samples.scalars["rank"])]
    ranked = ranked[ranked.scalars["rank"] >= 0]
    start = reference.with_scalars(host=[0], sample=[0], fate=[Fate.SAMPLED.value])
    target = relax(start, settings.relax_all, settings.potential)
    row: dict[str, Any] = {
        "seconds": seconds,
        "evaluations": sum(record.get("evaluations", 0) for record in samples.history),
        "fates": samples.scalars["fate"].tolist(),
        "matches_ranked": [matches(candidate, reference) for candidate in ranked],
        "energy_difference": None,
    }
    if len(ranked):
        difference = ranked.scalars["energy"][0] - target.scalars["energy"][0]
        row["energy_difference"] = float(difference / host.site_counts[0])
    return row


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates over all hosts, with bootstrap errors."""
    summary: dict[str, Any] = {"hosts": len(rows)}
    unrelaxed = [row["matches_unrelaxed"] for row in rows]
    rates = {
        "single_sample_match_unrelaxed": unrelaxed,
        "any_match_unrelaxed": [any(found) for found in unrelaxed],
    }
    for low, high in BINS:
        chosen = [row["matches_unrelaxed"] for row in rows if low <= row["inserted"] <= high]
        if chosen:
            rates[f"single_sample_match_unrelaxed_{low}_to_{high}_inserted"] = chosen
    if "seconds" in rows[0]:
        lowest = [row["matches_ranked"][:1] == [True] for row in rows]
        differences = [
            np.nan if row["energy_difference"] is None else row["energy_difference"] for row in rows
        ]
        rates["lowest_match"] = lowest
        rates["any_ranked_match"] = [any(row["matches_ranked"]) for row in rows]
        rates["les"] = lower_energy_or_match(lowest, differences).tolist()
        summary["cpu_seconds_per_host"] = float(np.mean([row["seconds"] for row in rows]))
        summary["evaluations_per_host"] = float(np.mean([row["evaluations"] for row in rows]))
    summary["sampling_seconds_per_sample"] = float(
        np.mean([row["sampling_seconds"] / len(row["matches_unrelaxed"]) for row in rows])
    )
    for name, successes in rates.items():
        rate = success_rate(successes)
        summary[name] = {"value": rate.value, "error": rate.error, "n": rate.n}
    return summary


def report(summary: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Print the rates, and the hosts whose lowest candidate is not the reference."""
    for name, value in summary.items():
        if isinstance(value, dict):
            text = f"{100 * value['value']:5.1f} ± {100 * value['error']:.1f} %  (n = {value['n']})"
        else:
            text = f"{value:.4g}"
        print(f"{name:50s} {text}")
    for row in rows:
        if "seconds" in row and row["matches_ranked"][:1] != [True]:
            above = row["energy_difference"]
            text = "no candidate" if above is None else f"{1000 * above:+.1f} meV/atom"
            print(f"not matched: {row['label']} ({row['inserted']} inserted): {text}")


if __name__ == "__main__":
    main()
