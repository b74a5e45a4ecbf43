"""Evaluations of SevenNet-0 by size: this package in its forms, beside ASE's calculator.

    python benchmarks/peers.py
    python benchmarks/peers.py --largest 80

Supercells of brucite whose H are displaced; CPU seconds of energy and forces of one structure in a
call of several, the fastest of three; all forms by turns in one process on one thread, with equal
weights.

- ASE: sevenn's calculator, one structure after the other.
- dense: matrices over all pairs of sites, as without a C compiler; up to 160 sites.
- loops: compiled loops over the pairs with an edge.
- H alone: the same, where the host stands still and its kernels are kept.

The last lines give the exponent of the size from row to row and the largest difference of forces.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from brucite import make_brucite
from sevenn.calculator import SevenNetCalculator

from aiida_hpaint.science.relaxation import get_potential
from aiida_hpaint.science.relaxation.potentials import sevennet
from aiida_hpaint.science.settings import PotentialSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

SIZES = {
    10: (1, 1, 2),
    20: (2, 2, 1),
    40: (2, 2, 2),
    80: (4, 2, 2),
    160: (4, 4, 2),
    320: (4, 4, 4),
}
FORMS = ("ASE", "dense", "loops", "H alone")


def main() -> None:
    """Print a row for each size, then the exponents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=320, help="largest number of sites")
    parser.add_argument("--structures", type=int, default=4, help="structures of a call")
    options = parser.parse_args()
    torch.set_num_threads(1)
    forms = Forms()
    sizes = [size for size in SIZES if size <= options.largest]
    print(
        "| sites | ASE, s | dense, s | loops, s | H alone, s | ASE / loops | ASE / H alone | ΔF |"
    )
    print("|" + "---|" * 8)
    rows = []
    for size in sizes:
        seconds, difference = forms.measure(SIZES[size], options.structures)
        rows.append(seconds)
        ratios = seconds[0] / seconds[2:]
        cells = [*(f"{value:.4f}" for value in seconds), *(f"{ratio:.1f}" for ratio in ratios)]
        print(f"| {size} | {' | '.join(cells)} | {difference:.0e} |", flush=True)
    slopes = np.diff(np.log(rows), axis=0) / np.diff(np.log(sizes))[:, None]
    for form, exponents in zip(FORMS, slopes.T, strict=True):
        print(f"exponents of {form}: {', '.join(f'{value:.1f}' for value in exponents)}")


class Forms:
    """The potential in its forms, and ASE's calculator."""

    def __init__(self) -> None:
        self.loops: Any = get_potential(PotentialSettings(device="cpu"))
        compiled, sevennet.load_loops = sevennet.load_loops, lambda: None
        self.dense: Any = sevennet.load("sevennet-0", None, "cpu")
        # Decides now, while there are no loops.
        assert self.dense._sparse is None
        sevennet.load_loops = compiled
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.calculator = SevenNetCalculator("7net-0", device="cpu")

    def measure(
        self, repeats: tuple[int, int, int], structures: int
    ) -> tuple[np.ndarray[Any, np.dtype[np.float64]], float]:
        """Return the seconds of each form, and the largest difference of forces in eV/Å."""
        samples = [displace(repeats, seed) for seed in range(structures)]
        inputs = (
            np.concatenate([atoms.numbers for atoms in samples]).astype(np.int64),
            np.concatenate([atoms.positions for atoms in samples]),
            np.array([atoms.cell[:] for atoms in samples]),
            np.array([len(atoms) for atoms in samples]),
        )
        moving = inputs[0] == 1
        small = len(samples[0]) <= sevennet.LARGEST_FOLDED
        actions: list[Callable[[], Any]] = [
            partial(self.calculator.calculate, samples[0]),
            partial(self.dense.evaluate, *inputs),
            partial(self.loops.evaluate, *inputs),
            partial(self.loops.evaluate_moving, *inputs, moving),
        ]
        counts = (1, structures, structures, structures)
        seconds = np.full(len(actions), np.nan)
        for repeat in range(4):
            for form, action in enumerate(actions):
                if form == 1 and not small:
                    continue
                began = time.process_time()
                action()
                # The first makes the kernels of the host, as the first step of a relaxation does.
                spent = (time.process_time() - began) / counts[form]
                seconds[form] = np.fmin(seconds[form], spent) if repeat else np.nan
        theirs = self.calculator.results["forces"]
        ours = self.loops.evaluate_moving(*inputs, moving).forces[: len(theirs)]
        return seconds, float(np.nanmax(np.abs(ours - theirs)))


def displace(repeats: tuple[int, int, int], seed: int) -> Atoms:
    """Return a supercell of brucite whose H are displaced by 0.05 Å."""
    result = make_brucite(repeats)
    moves = np.random.default_rng(seed).normal(0.0, 0.05, (len(result), 3))
    result.positions += np.where((result.numbers == 1)[:, None], moves, 0.0)
    return result


if __name__ == "__main__":
    main()
