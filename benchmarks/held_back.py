"""How often the score holds back the arrangement of the reference, and what that costs.

    aiida-hpaint benchmark references.extxyz --half tune --output runs/tune
    python benchmarks/held_back.py runs/tune

A host counts where a sample matched its reference before any relaxation, and was neither too close
nor implausible. Of these hosts it counts those where no sample of the kind was relaxed to the end,
and those of them whose answer is above the reference.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agreement import UNKNOWN

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, read_rows
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY


@dataclass
class HeldBack:
    """Hosts whose reference was drawn, was held back, and was lost, by their formulas."""

    hosts: int = 0
    drawn: list[str] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def main() -> None:
    """Print one line for each folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders of runs")
    print("| run | hosts | drawn | held back | answer above | which |\n|---|---|---|---|---|---|")
    for folder in parser.parse_args().folders:
        found = count_held_back(read_rows(folder))
        numbers = (found.hosts, *map(len, (found.drawn, found.held_back, found.lost)))
        print(f"| {folder.name} | {' | '.join(map(str, numbers))} | {', '.join(found.lost)} |")


def count_held_back(rows: Iterable[HostRow]) -> HeldBack:
    """Count hosts whose score held back every sample that matched the reference."""
    found = HeldBack()
    for row in rows:
        found.hosts += 1
        right = [one for one in row.samples if one.match_unrelaxed and one.status not in UNKNOWN]
        if not right:
            continue
        found.drawn.append(row.formula)
        if any(row.outcome(one).candidate is not False for one in right):
            continue
        found.held_back.append(row.formula)
        ranked = [one for one in row.samples if one.rank >= 0 and one.energy is not None]
        answer = min(ranked, key=lambda one: one.energy or 0.0, default=None)
        difference = None if answer is None else answer.energy_difference
        if difference is None or difference >= SAME_ENERGY:
            found.lost.append(row.formula)
    return found


if __name__ == "__main__":
    main()
