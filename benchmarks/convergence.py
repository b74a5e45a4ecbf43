"""How much energy answers release that are relaxed to smaller forces.

    python benchmarks/convergence.py mp20.extxyz --half tune

Restores the hosts of references with the largest force that balanced had before, 0.05 eV/Å, and
relaxes the lowest candidate of each further. Hosts that are held as measured are left out.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiida_hpaint import restore
from aiida_hpaint.science.benchmark.references import read_references
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.structures.fixed_host import HELD
from aiida_hpaint.science.structures.status import SampleStatus

LIMITS = (0.05, 0.03, 0.02, 0.01)
"""Largest forces, eV/Å; the first is that of the restoration."""

FAR = 0.001
"""Energy that counts as much, eV per atom."""


def main() -> None:
    """Print one line for each limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="references")
    parser.add_argument("--half", choices=("tune", "final"), help="half of the references")
    options = parser.parse_args()
    hosts = read_references([options.file], half=options.half).hosts
    settings = load_protocol("balanced", {"relax_all": {"fmax": LIMITS[0], "max_steps": 100}})
    potential, last = get_potential(settings.potential), settings.last_relaxation
    best = restore(hosts, None, settings, potential=potential).best
    best = best[[row for row, entry in enumerate(best.metadata) if HELD not in entry]]
    lower = f"more than {1000 * FAR:g} meV/atom lower"
    print(f"| limit, eV/Å | answers | evaluations each | {lower} | most |")
    print("| --- | --- | --- | --- | --- |")
    for limit in LIMITS[1:]:
        statuses = np.full(len(best), SampleStatus.SAMPLED.value)
        further = last.model_copy(update={"fmax": limit, "max_steps": 300})
        relaxed = relax(
            replace(best, scalars={"host": best.scalars["host"], "status": statuses}),
            further,
            potential,
        )
        released = (best.scalars["energy"] - relaxed.scalars["energy"]) / best.site_counts
        steps = relaxed.scalars["steps"].mean()
        lower = f"{int((released > FAR).sum())} | {1000 * released.max():.1f} meV/atom"
        print(f"| {limit:g} | {len(best)} | {steps:.1f} | {lower} |")


if __name__ == "__main__":
    main()
