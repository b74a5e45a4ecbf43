"""Accuracy of the number of missing H: by energy, charge or bond valence alone, and by all.

    python benchmarks/count.py references.extxyz examples/references/*.cif --output runs/count.jsonl
    python benchmarks/count.py references.extxyz --output runs/count.jsonl --with O --limit 10

The H of every structure is taken out, and the host counted without being told how many there were.
At most three sites for each site of the host are tried, eight in all, fewer where fewer fit; a
structure with more H than that is left out. Small structures come first. The same command goes on
where an earlier one stopped, and prints the tables of all rows that there are.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers
from ase.formula import Formula

from aiida_hpaint.science.counting import CountingSettings, estimate_missing_count
from aiida_hpaint.science.counting.restorations import make_hosts_by_count
from aiida_hpaint.science.counting.results import EVIDENCE
from aiida_hpaint.science.evaluation.success import compute_wilson_interval
from aiida_hpaint.science.structures import HostError, StructureBatch, read_hosts
from aiida_hpaint.science.structures.elements import get_symbol

MOST = 8
MOST_PER_SITE = 3


def main() -> None:
    """Measure, and print the table."""
    options = arguments()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    done = rows(options.output)
    for host, missing, n_max in chosen(options):
        if host.labels[0] not in {row["label"] for row in done}:
            done.append(measured(host, missing, settings_of(options.generator, n_max)))
            options.output.parent.mkdir(parents=True, exist_ok=True)
            with options.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
            print(json.dumps(done[-1]), flush=True)
    oxides = [row for row in done if "O" in Formula(row["host"]).count()]
    others = [row for row in done if row not in oxides]
    for title, some in {"all": done, "with oxygen": oxides, "without oxygen": others}.items():
        if some:
            print(f"\n{title}\n\n{table(some)}")


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", nargs="+", type=Path)
    parser.add_argument(
        "--output", type=Path, required=True, help="JSON lines, one for each structure"
    )
    parser.add_argument(
        "--sites", type=int, default=18, help="largest number of sites, including H"
    )
    parser.add_argument("--with", dest="element", help="use only structures with this element")
    parser.add_argument("--limit", type=int, help="largest number of structures")
    parser.add_argument("--generator", default="bundled", help="model of the restorations")
    return parser.parse_args()


def rows(path: Path) -> list[dict[str, Any]]:
    """Read earlier results."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def chosen(options: argparse.Namespace) -> list[tuple[StructureBatch, int, int]]:
    """Return hosts, their number of H and the largest number to try; the cheapest first."""
    found = []
    for one in read_hosts(options.references):
        missing = int((one.numbers == 1).sum())
        sites = one.n_sites - missing
        wanted = options.element is None or atomic_numbers[options.element] in one.numbers
        if sites and missing and one.n_sites <= options.sites and wanted:
            host = without_hydrogen(one)
            n_max = fitting(host, min(MOST, MOST_PER_SITE * sites))
            if missing <= n_max:
                found.append((host, missing, n_max))
    found.sort(key=lambda case: (case[0].n_sites + case[2] / 2) * case[2])
    return found[: options.limit]


def without_hydrogen(one: StructureBatch) -> StructureBatch:
    """Return the host sites, without metadata that reveal the number of H."""
    left = one.numbers != 1
    return StructureBatch(
        labels=one.labels,
        cells=one.cells,
        site_counts=np.array([left.sum()]),
        numbers=one.numbers[left],
        frac_coords=one.frac_coords[left],
        inserted=np.zeros(int(left.sum()), dtype=np.bool_),
    )


def fitting(host: StructureBatch, n_max: int) -> int:
    """Return the largest number up to `n_max` that fits into the cell; 0 if none does."""
    for n in range(n_max, 0, -1):
        try:
            make_hosts_by_count(host, "H", n)
        except HostError:
            continue
        return n
    return 0


def settings_of(generator: str, n_max: int) -> CountingSettings:
    """Return the settings of `aiida-hpaint count` with a generator."""
    values = CountingSettings(n_max=n_max).model_dump()
    values["restoration"]["sampling"]["generator"] = generator
    return CountingSettings.model_validate(values)


def measured(host: StructureBatch, missing: int, settings: CountingSettings) -> dict[str, Any]:
    """Measure one host."""
    began = time.process_time()
    counting = estimate_missing_count(host, settings=settings)
    found = counting.as_json()
    symbols = [get_symbol(number) for number in host.numbers.tolist()]
    return {
        "label": host.labels[0],
        "host": str(Formula.from_list(symbols).format("hill")),
        "missing": missing,
        "n_max": settings.n_max,
        "combined": found["best"],
        **{name: found["votes"][name] for name in EVIDENCE},
        "margin": found["margin"],
        "seconds": time.process_time() - began,
    }


def table(done: list[dict[str, Any]]) -> str:
    """Print rates with Wilson's 95 % intervals: of all hosts, and where criteria apply."""
    lines = ["| criterion | correct | of all hosts | applies to | correct where it applies |"]
    lines.append("|---|---|---|---|---|")
    for name in (*EVIDENCE, "combined"):
        speaks = [row for row in done if row[name] is not None]
        right = sum(row[name] == row["missing"] for row in speaks)
        lines.append(
            f"| {name} | {right} | {rate(right, len(done))} | {len(speaks)} |"
            f" {rate(right, len(speaks))} |"
        )
    agreed = [row for row in done if len({row[n] for n in EVIDENCE if row[n] is not None}) == 1]
    right = sum(row["combined"] == row["missing"] for row in agreed)
    lines.append(
        f"| all that speak agree | {right} | | {len(agreed)} | {rate(right, len(agreed))} |"
    )
    seconds = np.array([row["seconds"] for row in done])
    lines.append(f"\n{len(done)} hosts, {np.mean(seconds):.0f} s of a core each on average.")
    return "\n".join(lines)


def rate(right: int, n: int) -> str:
    """Format a rate with its interval, in percent."""
    if not n:
        return "-"
    low, high = compute_wilson_interval(right / n, n)
    return f"{100 * right / n:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


if __name__ == "__main__":
    main()
