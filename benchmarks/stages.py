"""CPU seconds of each stage of a restoration, by size.

    python benchmarks/stages.py
    python benchmarks/stages.py --sizes 20 80 --protocol balanced

Hosts are supercells of brucite without some of their H, whose other sites are displaced at random,
so that no smaller cell and no symmetry is left; `--displacement 0` keeps both, and the cell of the
file is searched all the same. One thread, one run of each after one to warm up. *Rest*: checks,
ranking and symmetry.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from unittest.mock import patch

import numpy as np
import torch
from brucite import make_brucite

from aiida_hpaint.science import recipe, restoration
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import Settings
from aiida_hpaint.science.stages import StageResult, StageTools
from aiida_hpaint.science.structures import add_sites, from_ase
from aiida_hpaint.science.structures.batch import StructureBatch

SIZES = {20: (2, 2, 1), 80: (4, 2, 2), 320: (4, 4, 4)}
"""Unit cells along each axis by sites."""

MISSING = 8
"""H atoms that are taken out, of two fifths of the sites."""


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--protocol", default="fast")
    parser.add_argument("--displacement", type=float, default=0.03, help="standard deviation, Å")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    how = options.protocol, options.displacement
    measure(20, *how)
    rows = {sites: measure(sites, *how) for sites in options.sizes}
    stages = list(dict.fromkeys(name for row in rows.values() for name in row))
    print(f"| sites | {' | '.join(stages)} |\n|{'---|' * (len(stages) + 1)}")
    for sites, row in rows.items():
        cells = (f"{row[name]:.2f}" if name in row else "" for name in stages)
        print(f"| {sites} | {' | '.join(cells)} |")


def measure(sites: int, protocol: str, displacement: float) -> dict[str, float]:
    """Return the CPU seconds by stage, of the rest and in all."""
    atoms = make_brucite(SIZES[sites])
    atoms.positions += np.random.default_rng(sites).normal(0.0, displacement, (len(atoms), 3))
    del atoms[np.flatnonzero(atoms.numbers == 1)[:MISSING]]
    hosts = add_sites(from_ase([atoms]), f"H:{MISSING}")
    settings = load_protocol(protocol).model_copy(update={"cell": "file"})
    seconds: defaultdict[str, float] = defaultdict(float)
    run_stage = recipe.run_stage

    def timed(
        name: str,
        structures: StructureBatch,
        inputs: Settings,
        tools: StageTools | None = None,
    ) -> StageResult:
        began = time.process_time()
        result = run_stage(name, structures, inputs, tools)
        seconds[name] += time.process_time() - began
        return result

    began = time.process_time()
    with patch.object(restoration, "run_stage", timed):
        restoration.restore_batch(hosts, settings)
    total = time.process_time() - began
    return {**seconds, "rest": total - sum(seconds.values()), "in all": total}


if __name__ == "__main__":
    main()
