"""Agreement of samples as evidence: how often an arrangement is right that several of few found.

    python benchmarks/agreement.py runs/mc3d runs/mp20 --samples 10

Reads runs of `aiida-hpaint benchmark` without a search, and looks at the first samples of each host
alone, and at what was proposed beside them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow, read_rows
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY

UNKNOWN = ("too close", "implausible")
"""Statuses of samples whose arrangement nobody knows."""


def main() -> None:
    """Print how often the lowest arrangement was found, and in how many hosts it was right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders of runs")
    parser.add_argument("--samples", type=int, default=10, help="number of samples looked at")
    options = parser.parse_args()
    rows = [row for folder in options.folders for row in read_rows(folder)]
    judged = [found for row in rows if (found := judge(row, options.samples)) is not None]
    print(
        f"{len(judged)} hosts, {options.samples} samples\n| found | hosts | right |\n|---|---|---|"
    )
    for times in range(6):
        right = [ok for found, ok in judged if found == times or found > times == 5]
        print(f"| {times}{' and more' if times == 5 else ''} | {len(right)} | {sum(right)} |")


def judge(row: HostRow, samples: int) -> tuple[int, bool] | None:
    """Return how many samples found the lowest arrangement, and whether it is right.

    None where no arrangement was relaxed.
    """
    drawn = [one for one in row.drawn if one.sample < samples and one.status not in UNKNOWN]
    proposed = [one for one in row.samples if one.origin != "generated" and one.parent < samples]
    ends = [row.outcome(one) for one in drawn]
    relaxed = [one for one in [*ends, *map(row.outcome, proposed)] if one.candidate is not False]
    lowest = min((one for one in relaxed if one.energy is not None), key=_energy, default=None)
    if lowest is None:
        return None
    counts = Counter(one.sample for one in ends if _is_same(one, lowest, row.sites))
    difference = lowest.energy_difference
    return counts.total(), bool(lowest.match or (difference is not None and difference <= 0))


def _energy(sample: SampleRow) -> float:
    assert sample.energy is not None
    return sample.energy


def _is_same(sample: SampleRow, lowest: SampleRow, sites: int) -> bool:
    if sample.sample == lowest.sample:
        return True
    if sample.candidate is False or sample.energy is None:
        return False
    return abs(sample.energy - _energy(lowest)) / sites < SAME_ENERGY


if __name__ == "__main__":
    main()
