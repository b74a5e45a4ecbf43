"""Evaluations and relaxations with SevenNet-0, compared with ASE.

    python benchmarks/relaxation.py
    python benchmarks/relaxation.py --potential sevennet-l3i5 --device cuda

Both run in one process on one thread, alternately, with the same weights; on a CPU the time is the
CPU time, so that other work on the machine matters little. Energies and forces are compared, too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from ase.spacegroup import crystal

from aiida_hpaint.science.relaxation import get_potential, relax
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings
from aiida_hpaint.science.structures import StructureBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

    from aiida_hpaint.science.relaxation.potentials import Potential

SEVENN = {
    "sevennet-0": ("7net-0", None),
    "sevennet-l3i5": ("7net-l3i5", None),
    "sevennet-mf-0": ("7net-mf-0", "PBE"),
}
REPEATS = 5


def main() -> None:
    """Measure and print two tables."""
    options = parse_options()
    torch.set_num_threads(1)
    potential = get_potential(PotentialSettings(name=options.potential, device=options.device))
    calculator = make_ase_calculator(options)
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    print(f"{options.potential} on {options.device}, {options.samples} samples per host\n")
    compare_evaluations(potential, calculator, options, clock)
    compare_relaxations(potential, calculator, options, clock)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--potential", choices=SEVENN, default="sevennet-0")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--samples", type=int, default=10, help="samples of each host")
    parser.add_argument("--steps", type=int, default=15, help="steps of each relaxation")
    return parser.parse_args()


def make_ase_calculator(options: argparse.Namespace) -> Any:
    """Return the ASE calculator of SevenNet."""
    from sevenn.calculator import SevenNetCalculator

    name, modal = SEVENN[options.potential]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SevenNetCalculator(name, device=options.device, modal=modal)


def make_hosts() -> dict[str, Atoms]:
    """Return hydrides and hydroxides from published structures, up to 40 sites."""
    lithium = crystal(
        ["Li", "H"], [(0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=225, cellpar=[4.08] * 3 + [90] * 3
    )
    brucite = crystal(
        ["Mg", "O", "H"],
        [(0, 0, 0), (1 / 3, 2 / 3, 0.2203), (1 / 3, 2 / 3, 0.4130)],
        spacegroup=164,
        cellpar=[3.15, 3.15, 4.77, 90, 90, 120],
    )
    magnesium = crystal(
        ["Mg", "H"],
        [(0, 0, 0), (0.304, 0.304, 0)],
        spacegroup=136,
        cellpar=[4.517, 4.517, 3.02, 90, 90, 90],
    )
    alanate = crystal(
        ["Na", "Al", "H"],
        [(0, 0.25, 0.125), (0, 0.25, 0.625), (0.2372, 0.3869, 0.5456)],
        spacegroup=88,
        setting=2,
        cellpar=[5.021, 5.021, 11.346, 90, 90, 90],
    )
    return {
        "Mg(OH)2": brucite,
        "MgH2": magnesium,
        "LiH": lithium,
        "MgH2 1x1x2": magnesium * (1, 1, 2),
        "Mg(OH)2 2x2x1": brucite * (2, 2, 1),
        "NaAlH4": alanate,
        "Mg(OH)2 2x2x2": brucite * (2, 2, 2),
    }


def rattle(atoms: Atoms, seed: int) -> Atoms:
    """Return a copy whose hydrogen atoms are displaced by 0.1 Å."""
    result: Atoms = atoms.copy()
    moves = np.random.default_rng(seed).normal(0.0, 0.1, (len(atoms), 3))
    result.positions += np.where((atoms.numbers == 1)[:, None], moves, 0.0)
    return result


def make_batch(samples: list[Atoms]) -> StructureBatch:
    """Return samples of one host as a batch with inserted hydrogen."""
    numbers = np.concatenate([atoms.numbers for atoms in samples])
    frac = [atoms.cell.scaled_positions(atoms.positions) for atoms in samples]
    return StructureBatch(
        labels=tuple("host" for _ in samples),
        cells=np.array([atoms.cell[:] for atoms in samples]),
        site_counts=np.array([len(atoms) for atoms in samples]),
        numbers=numbers,
        frac_coords=np.concatenate(frac),
        inserted=numbers == 1,
        scalars={"host": np.zeros(len(samples), dtype=np.int64)},
    )


def time_fastest(action: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the seconds of the fastest repetition, after one to warm up."""
    action()
    seconds = []
    for _ in range(REPEATS):
        started = clock()
        action()
        seconds.append(clock() - started)
    return min(seconds)


def compare_evaluations(
    potential: Potential,
    calculator: Any,
    options: argparse.Namespace,
    clock: Callable[[], float],
) -> None:
    """Print milliseconds for the energy and the forces of one structure."""
    many = f"{options.samples} at once"
    print(f"| energy and forces | sites | ASE, ms | alone, ms | {many}, ms | ratio | ΔF, eV/Å |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, host in make_hosts().items():
        samples = [rattle(host, seed) for seed in range(options.samples)]
        batch = make_batch(samples)
        arguments = batch.numbers, batch.cart_coords, batch.cells, batch.site_counts
        single = batch[0]
        alone = single.numbers, single.cart_coords, single.cells, single.site_counts
        theirs = time_fastest(partial(calculator.calculate, samples[0]), clock)
        difference = np.abs(calculator.results["forces"] - potential.evaluate(*alone).forces).max()
        one = time_fastest(partial(potential.evaluate, *alone), clock)
        ours = time_fastest(partial(potential.evaluate, *arguments), clock) / len(samples)
        cells = [name, len(host), f"{1e3 * theirs:.1f}", f"{1e3 * one:.1f}", f"{1e3 * ours:.1f}"]
        print(f"| {' | '.join(map(str, cells))} | {theirs / ours:.1f} | {difference:.0e} |")
    print()


def compare_relaxations(
    potential: Potential,
    calculator: Any,
    options: argparse.Namespace,
    clock: Callable[[], float],
) -> None:
    """Print seconds for relaxing the hydrogen of all samples of a host with BFGS."""
    settings = RelaxationSettings(fmax=0.02, max_steps=options.steps, give_up_above=None)
    print("| relaxation | sites | evaluations | ASE, s | this package, s | ratio | ΔE, meV |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in ("MgH2", "MgH2 1x1x2", "Mg(OH)2 2x2x1"):
        samples = [rattle(make_hosts()[name], seed) for seed in range(options.samples)]
        started = clock()
        result = relax(make_batch(samples), settings, potential)
        ours = clock() - started
        started = clock()
        energies = [relax_by_ase(atoms, calculator, settings) for atoms in samples]
        theirs = clock() - started
        difference = 1e3 * np.abs(result.scalars["energy"] - energies).max()
        evaluated = int(result.scalars["steps"].sum())
        cells = [name, len(samples[0]), evaluated, f"{theirs:.1f}", f"{ours:.2f}"]
        print(f"| {' | '.join(map(str, cells))} | {theirs / ours:.1f} | {difference:.2f} |")


def relax_by_ase(atoms: Atoms, calculator: Any, settings: RelaxationSettings) -> float:
    """Return the energy after the same relaxation with ASE."""
    moved = atoms.copy()
    moved.set_constraint(FixAtoms(np.flatnonzero(atoms.numbers != 1)))
    moved.calc = calculator
    BFGS(moved, logfile=None).run(fmax=settings.fmax, steps=settings.max_steps)
    return float(moved.get_potential_energy())


if __name__ == "__main__":
    main()
