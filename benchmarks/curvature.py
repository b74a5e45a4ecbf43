"""Evaluations that relaxations need from estimated and from unit second derivatives.

    python benchmarks/curvature.py mp20.extxyz mc3d.extxyz --half tune --hosts 8

Removes the H of references, samples it again, and relaxes the same samples twice: with only H
moving, then with all sites moving.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from aiida_hpaint.science.benchmark import read_references
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings
from aiida_hpaint.science.stages import propose_and_filter
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus

ROW = "| {:12} | {:8} | {:5} | {:>7} | {:>11} | {:>9} | {:>16} | {:>6} |"


def main() -> None:
    """Print one line for each file, curvature and stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="references with H")
    parser.add_argument("--half", choices=("tune", "final"), help="half of the references")
    parser.add_argument("--hosts", type=int, default=8, help="hosts of each file, evenly taken")
    parser.add_argument("--samples", type=int, default=4, help="samples of each host")
    parser.add_argument("--max-sites", type=int, default=24, help="largest number of sites")
    options = parser.parse_args()
    titles = ("file", "stage", "from", "samples", "evaluations", "converged", "lowest, eV (sum)")
    print(ROW.format(*titles, "CPU s"))
    print("|" + "---|" * 8)
    for path in options.files:
        samples = draw(path, options)
        for curvature in ("unit", "model"):
            measure(path.stem, samples, curvature)


def draw(path: Path, options: argparse.Namespace) -> StructureBatch:
    """Return samples of some hosts that a restoration would relax."""
    settings = load_protocol("balanced")
    hosts = read_references([path], half=options.half, max_sites=options.max_sites).hosts
    chosen = np.unique(np.linspace(0, len(hosts) - 1, options.hosts).astype(int))
    sampling = settings.require_sampling()
    drawn = propose_and_filter(
        generate(hosts[chosen], sampling), settings.symmetry, settings.filter, sampling.use_parents
    )
    alive = np.flatnonzero(drawn.scalars["status"] == SampleStatus.SAMPLED.value)
    of_host = drawn.scalars["host"][alive]
    kept = [alive[of_host == host][: options.samples] for host in np.unique(of_host)]
    return drawn[np.concatenate(kept)]


def measure(name: str, samples: StructureBatch, curvature: str) -> None:
    """Relax samples in two stages and print what each took."""
    for moving, fmax in (("inserted", 0.1), ("all", 0.05)):
        settings = RelaxationSettings.model_validate(
            {"moving": moving, "fmax": fmax, "curvature": curvature, "give_up_above": None}
        )
        before = int(samples.scalars["steps"].sum()) if "steps" in samples.scalars else 0
        began = time.process_time()
        samples = relax(samples, settings, PotentialSettings())
        seconds = time.process_time() - began
        energies, hosts = samples.scalars["energy"], samples.scalars["host"]
        lowest = sum(np.nanmin(energies[hosts == host]) for host in np.unique(hosts))
        converged = int((samples.scalars["status"] == SampleStatus.CONVERGED.value).sum())
        evaluations = int(samples.scalars["steps"].sum()) - before
        figures = (len(samples), evaluations, converged, f"{lowest:.3f}", f"{seconds:.1f}")
        print(ROW.format(name, moving, curvature, *figures), flush=True)


if __name__ == "__main__":
    main()
