"""CPU seconds of a sample by size: the bundled model with and without compiled loops.

    python benchmarks/sampling.py
    python benchmarks/sampling.py --largest 80

Supercells of brucite; either two or all of their H are sampled. Both forms by turns in one process
on one thread, with equal seeds, the faster of three runs (one above 100 sites). The last column is
the largest distance of a site between both.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from brucite import make_brucite

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.networks import dense
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import add_sites, from_ase

SIZES = {20: ((2, 2, 1), 10), 80: ((4, 2, 2), 4), 320: ((4, 4, 4), 1)}
"""Unit cells along each axis, and samples at once, by sites."""


def main() -> None:
    """Print a row for each size and number of H."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=320, help="largest number of sites")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| sites | H | torch, s | loops, s | torch / loops | Å |\n|" + "---|" * 6)
    for size, (_, samples) in SIZES.items():
        for inserted in (2, 2 * size // 5):
            if size <= options.largest:
                seconds, apart = compare(size, inserted, samples)
                ratio = seconds[0] / seconds[1]
                cells = f"{seconds[0]:.4f} | {seconds[1]:.4f} | {ratio:.1f} | {apart:.0e}"
                print(f"| {size} | {inserted} | {cells} |", flush=True)


def compare(size: int, inserted: int, samples: int) -> tuple[list[float], float]:
    """Return the CPU seconds of a sample without and with loops, and their distance in Å."""
    atoms = make_brucite(SIZES[size][0])
    del atoms[np.flatnonzero(atoms.numbers == 1)[:inserted]]
    hosts = add_sites(from_ase([atoms]), f"H:{inserted}")
    settings = SamplingSettings(samples=samples, redraws=0, device="cpu")
    seconds, found = [np.inf, np.inf], [np.empty(0), np.empty(0)]
    loops = dense.find_loops
    for _ in range(3 if size < 100 else 1):
        for form, find in enumerate((lambda network: None, loops)):
            dense.find_loops = find
            began = time.process_time()
            made = generate(hosts, settings)
            seconds[form] = min(seconds[form], (time.process_time() - began) / samples)
            found[form] = made.frac_coords
    moves = found[1] - found[0]
    distances = np.linalg.norm((moves - np.round(moves)) @ hosts.cells[0], axis=1)
    return seconds, float(distances.max())


if __name__ == "__main__":
    main()
