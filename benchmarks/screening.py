"""What screening after the first evaluation saves, and which of the lowest arrangements it loses.

    python benchmarks/screening.py mp20.extxyz mc3d.extxyz --half tune --hosts 30

Removes the H of references, samples it again, and scores the samples without screening. For each
share of samples that go on it prints how many evaluations are saved, and how many of the five
lowest arrangements of each host after the score, and of the lowest ones, would have been lost: by
the energies of the first evaluation alone, and less what the forces promise to release.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from aiida_hpaint.science.benchmark import read_references
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.stages import propose_and_filter
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus

SHARES = (0.75, 0.5, 0.34, 0.25)
ROW = "| {:>5} | {:16} | {:>7} | {:>16} | {:>11} |"


def main() -> None:
    """Print one line for each share and each energy to screen by."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="references with H")
    parser.add_argument("--half", choices=("tune", "final"), help="half of the references")
    parser.add_argument("--hosts", type=int, default=12, help="hosts, evenly taken")
    parser.add_argument("--max-sites", type=int, default=24, help="largest number of sites")
    options = parser.parse_args()
    samples = draw(options)
    score = load_protocol("balanced").score
    assert score is not None
    scored = relax(samples, score.model_copy(update={"screen": None}), PotentialSettings())
    print(ROW.format("share", "by", "saved", "of 5 lowest lost", "lowest lost"))
    print("|" + "---|" * 5)
    for share in SHARES:
        look = score.model_copy(update={"screen": share, "max_steps": 0})
        looked = relax(samples, look, PotentialSettings())
        promising = looked.scalars["status"] != SampleStatus.HIGHER_IN_ENERGY.value
        for by, stays in (
            ("energy", find_lowest(scored, "energy_sampled", share)),
            ("less the release", promising),
        ):
            print(ROW.format(share, by, *count_lost(scored, stays)), flush=True)


def draw(options: argparse.Namespace) -> StructureBatch:
    """Return samples of some hosts that a restoration would score."""
    settings = load_protocol("balanced")
    hosts = read_references(options.files, half=options.half, max_sites=options.max_sites).hosts
    chosen = np.unique(np.linspace(0, len(hosts) - 1, options.hosts).astype(int))
    sampling = settings.require_sampling()
    drawn = propose_and_filter(
        generate(hosts[chosen], sampling), settings.symmetry, settings.filter, sampling.use_parents
    )
    return drawn[drawn.scalars["status"] == SampleStatus.SAMPLED.value]


def find_lowest(scored: StructureBatch, energy: str, share: float, least: int = 5) -> np.ndarray:
    """Return (S,) whether a sample is among the lowest of its host: a share, `least` at least."""
    lowest = np.zeros(len(scored), dtype=np.bool_)
    for host in np.unique(scored.scalars["host"]):
        members = np.flatnonzero(scored.scalars["host"] == host)
        order = members[np.argsort(scored.scalars[energy][members], kind="stable")]
        lowest[order[: max(math.ceil(share * len(members)), least)]] = True
    return lowest


def count_lost(scored: StructureBatch, stays: np.ndarray) -> tuple[str, str, str]:
    """Return the share of evaluations saved, and what of the five and of the one lowest is lost."""
    steps = scored.scalars["steps"]
    saved = (steps - 1)[~stays].sum() / steps.sum()
    lost = []
    for least in (5, 1):
        lowest = find_lowest(scored, "energy", 1e-9, least)
        lost.append(f"{np.count_nonzero(lowest & ~stays)} of {np.count_nonzero(lowest)}")
    return f"{100 * saved:.0f} %", lost[0], lost[1]


if __name__ == "__main__":
    main()
