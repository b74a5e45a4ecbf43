"""Time of the exact pinball model, and quality of the tabu search that it starts from.

    python benchmarks/pinball.py
    python benchmarks/pinball.py --only tabu --seeds 20
    python benchmarks/pinball.py --only screening --potentials runs/peaks references.extxyz

Seconds are CPU times on one thread, including permutations of the sites and Ewald sums; medians
(and the longest) over random cases. Three arrangements are retained, without screening. Ratios are
from one run on the same problems. The last command uses potentials that `benchmarks/peaks.py` has
computed for the same references, and prints the rank of the reference's arrangement.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase.spacegroup import crystal
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from aiida_hpaint.science.benchmark import read_references
from aiida_hpaint.science.electrostatics import Sites, choose_sites, find_sites, read_cube
from aiida_hpaint.science.electrostatics.arrangements import TIE, SolutionPool
from aiida_hpaint.science.electrostatics.branch_and_bound import MAX_NODES, BranchAndBound
from aiida_hpaint.science.electrostatics.ewald import compute_ewald_energies
from aiida_hpaint.science.electrostatics.placement import place_sites
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.site_symmetry import (
    find_site_permutations,
    symmetrise_energies,
)
from aiida_hpaint.science.electrostatics.tabu_search import run_tabu_search
from aiida_hpaint.science.evaluation.matching import is_match
from aiida_hpaint.science.settings import PinballSettings
from aiida_hpaint.science.structures import StructureBatch, remove_inserted
from aiida_hpaint.science.structures.elements import get_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

KEEP = 3
SCREENINGS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 1e6)


@dataclass
class Case:
    """Sites to choose from: fractional coordinates, energies of a proton (eV), cell (Å)."""

    name: str
    frac: np.ndarray
    energies: np.ndarray
    cell: np.ndarray
    count: int


@dataclass
class Solved:
    """Solution: total seconds and those before the search, relaxations, whether it is exact."""

    seconds: float
    before: float
    relaxed: int
    exact: bool
    operations: int
    energies: np.ndarray
    guess: np.ndarray


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tables = {
        "size": sizes,
        "count": counts,
        "symmetric": symmetric,
        "others": others,
        "tabu": tabu,
    }
    parser.add_argument("references", type=Path, nargs="*", help="complete structures")
    parser.add_argument("--potentials", type=Path, help="output folder of benchmarks/peaks.py")
    parser.add_argument("--only", choices=[*tables, "screening"], help="table to print")
    parser.add_argument("--seeds", type=int, default=9, help="number of random cases of each kind")
    options = parser.parse_args()
    if (options.potentials is None) != (not options.references):
        parser.error("give references and --potentials together, or neither")
    if options.only == "screening" and options.potentials is None:
        parser.error("screening: give references and the folder of their --potentials")
    solve(random_case(0, 20, 4))  # loads everything that is loaded once
    for name, table in tables.items():
        if options.only in (None, name):
            table(options.seeds)
            print()
    if options.potentials is not None and options.only in (None, "screening"):
        screening(options.potentials, options.references)


def random_case(seed: int, size: int, count: int, spread: float = 3.0) -> Case:
    """Generate sites at least 0.8 Å apart in a skewed cell, 5 Å³ per site; energies in eV."""
    generator = np.random.default_rng(seed)
    cell = np.eye(3) + 0.15 * generator.normal(size=(3, 3))
    cell *= np.cbrt(5.0 * size / abs(np.linalg.det(cell)))
    points = np.empty((0, 3))
    while len(points) < size:
        point = generator.random(3)
        shifts = points - point
        distances = np.linalg.norm((shifts - np.rint(shifts)) @ cell, axis=1)
        if distances.min(initial=np.inf) > 0.8:
            points = np.vstack([points, point])
    return Case("random", points, spread * generator.random(size), cell, count)


def grid_case(shape: tuple[int, int, int], count: int) -> Case:
    """Generate a grid of sites 1.5 Å apart with equal energies."""
    axes = [np.arange(size) / size for size in shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    name = "grid " + " x ".join(map(str, shape))
    return Case(name, points, np.zeros(len(points)), 1.5 * np.diag(np.array(shape, float)), count)


def holes(
    name: str,
    group: int,
    cell: list[float],
    sites: list[tuple[float, float, float]],
    depths: list[float],
    repeats: tuple[int, int, int],
    count: int,
) -> Case:
    """Generate interstitial sites of a host from Wyckoff positions and their energies (eV)."""
    symbols = ["H", "He", "Li", "Be", "B", "C"][: len(sites)]
    atoms = crystal(symbols, sites, spacegroup=group, cellpar=cell).repeat(repeats)
    energies = dict(zip(symbols, depths, strict=True))
    return Case(
        name,
        atoms.get_scaled_positions(),
        np.array([energies[symbol] for symbol in atoms.get_chemical_symbols()]),
        np.array(atoms.cell),
        count,
    )


def hosts() -> list[Case]:
    """Generate sites of hosts with many equivalent ones."""
    cube = [4.0, 4.0, 4.0, 90, 90, 90]
    octahedral, tetrahedral = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    lani5 = [(0.5, 0, 0), (1 / 3, 2 / 3, 0.37), (0.137, 0.274, 0.5), (0.455, 0, 0.117)]
    bcc = [3.0, 3.0, 3.0, 90, 90, 90]
    hexagonal = [5.0, 5.0, 4.0, 90, 90, 120]
    return [
        holes("fcc, octahedral", 225, cube, [octahedral], [0.0], (2, 2, 3), 12),
        holes("fcc, tetrahedral", 225, cube, [tetrahedral], [0.0], (2, 2, 2), 12),
        holes("fcc, both", 225, cube, [octahedral, tetrahedral], [0.0, 0.4], (2, 2, 1), 12),
        holes("bcc, tetrahedral", 229, bcc, [(0.5, 0.25, 0)], [0.0], (2, 2, 1), 12),
        holes("LaNi5, 3f 4h 6m 12n", 191, hexagonal, lani5, [0.5, 0.4, 0.0, 0.2], (1, 1, 2), 12),
    ]


def problem_of(case: Case) -> tuple[QuadraticProblem, np.ndarray]:
    """Return the exactly symmetric problem, and the permutations."""
    permutations = find_site_permutations(case.frac, case.energies, case.cell)
    ewald = compute_ewald_energies(case.frac, case.cell)
    linear, pairs = symmetrise_energies(case.energies + ewald.own, ewald.pairs, permutations)
    return QuadraticProblem(linear, pairs, case.count), permutations


def solve(case: Case, nodes: int = MAX_NODES, keep: int = KEEP) -> Solved:
    """Solve a case, and measure the tabu search separately."""
    start = time.process_time()
    problem, permutations = problem_of(case)
    pool = SolutionPool(permutations, keep)
    run_tabu_search(problem, pool)
    guess = pool.result()[0]
    before = time.process_time() - start
    search = BranchAndBound(problem, pool, nodes)
    _, ended = search.run()
    seconds = time.process_time() - start
    return Solved(
        seconds, before, search.relaxed, ended, len(permutations), pool.result()[0], guess
    )


def middle(values: list[float]) -> str:
    """Format median and maximum."""
    return f"{np.median(values):7.2f} ({max(values):.2f})"


def row(label: str, solved: list[Solved]) -> None:
    """Print seconds, relaxations and the number of exact solutions."""
    relaxed = [float(one.relaxed) for one in solved]
    exact = sum(one.exact for one in solved)
    print(
        f"{label:32}{middle([one.seconds for one in solved]):>18}"
        f"{np.median(relaxed):9.0f} ({max(relaxed):.0f}){exact:>6} of {len(solved)}"
    )


def head(title: str) -> None:
    """Print title and columns of a table."""
    print(title)
    print(f"{'':32}{'seconds (longest)':>18}{'relaxations':>16}{'exact':>10}")


def sizes(seeds: int) -> None:
    """Print the table for an increasing number of random sites."""
    head("A fifth of M random sites, energies over 3 eV")
    for size in (20, 30, 40, 50, 60, 80):
        cases = [random_case(seed, size, size // 5) for seed in range(seeds)]
        row(f"{size // 5} of {size}", [solve(case) for case in cases])
    cases = [random_case(seed, 60, 12, spread=0.0) for seed in range(seeds)]
    row("12 of 60, equal energies", [solve(case) for case in cases])


def counts(seeds: int) -> None:
    """Print the table for an increasing number of chosen sites."""
    head("n of 60 random sites, energies over 3 eV")
    for count in (3, 6, 9, 12, 15, 20):
        cases = [random_case(seed, 60, count) for seed in range(seeds)]
        row(f"{count} of 60", [solve(case) for case in cases])


def symmetric(_: int) -> None:
    """Print the table for equivalent sites."""
    head("Equivalent sites")
    grids = [grid_case((3, 4, 5), 12), grid_case((4, 4, 4), 12), grid_case((4, 4, 4), 16)]
    for case in (*hosts(), *grids):
        solved = solve(case)
        row(f"{case.name}, {case.count} of {len(case.frac)}", [solved])
        print(f"    {solved.operations} operations")


def others(_: int) -> None:
    """Compare with enumeration and with HiGHS."""
    print("Time relative to ours for the lowest arrangement, random sites, energies over 3 eV")
    print(f"{'':16}{'all choices':>16}{'HiGHS':>16}")
    for size, count in ((16, 5), (20, 6), (24, 7), (28, 8)):
        cases = [random_case(seed, size, count) for seed in range(3)]
        ours = [solve(case, keep=1) for case in cases]
        problems = [problem_of(case)[0] for case in cases]
        listed = ratio(brute_force, problems, ours) if comb(size, count) < 1e6 else np.nan
        print(
            f"{f'{count} of {size}':16}{listed:16.1f}{ratio(highs, problems, ours):16.1f}",
            flush=True,
        )


def ratio(
    method: Callable[[QuadraticProblem], float],
    problems: list[QuadraticProblem],
    ours: list[Solved],
) -> float:
    """Return the time of another method relative to ours; both must find the same energies."""
    start = time.process_time()
    found = [method(problem) for problem in problems]
    seconds = time.process_time() - start
    np.testing.assert_allclose(found, [one.energies[0] for one in ours], atol=1e-5)
    return seconds / sum(one.seconds for one in ours)


def brute_force(problem: QuadraticProblem) -> float:
    """Return the lowest energy of all choices."""
    sets = np.array(list(combinations(range(len(problem)), problem.count)))
    blocks = np.array_split(sets, 1 + len(sets) // 20000)
    return min(float(problem.energies(block).min()) for block in blocks)


def highs(problem: QuadraticProblem) -> float:
    """Return the lowest energy by HiGHS, with a variable y_ij for each product x_i x_j.

    The products of each site add up to (n - 1) x_i, and y_ij is at most x_i and x_j.
    """
    size, count = len(problem), problem.count
    first, second = np.triu_indices(size, 1)
    pairs, number = len(first), np.arange(len(first))
    ones = np.ones(pairs)
    rows = np.concatenate([np.zeros(size, int), 1 + first, 1 + second, 1 + np.arange(size)])
    columns = np.concatenate([np.arange(size), size + number, size + number, np.arange(size)])
    values = np.concatenate([np.ones(size), ones, ones, np.full(size, 1.0 - count)])
    sums = coo_array((values, (rows, columns)), shape=(size + 1, size + pairs))
    right = np.append(float(count), np.zeros(size))
    rows = np.concatenate([number, number, pairs + number, pairs + number])
    columns = np.concatenate([size + number, first, size + number, second])
    below = coo_array(
        (np.concatenate([ones, -ones, ones, -ones]), (rows, columns)),
        shape=(2 * pairs, size + pairs),
    )
    result = milp(
        np.concatenate([problem.linear, problem.pairs[first, second]]),
        constraints=[LinearConstraint(sums, right, right), LinearConstraint(below, -np.inf, 0)],
        integrality=np.repeat([1, 0], [size, pairs]),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-9},
    )
    return float(result.fun)


def tabu(seeds: int) -> None:
    """Print the results of the tabu search alone."""
    print("Tabu search alone: lowest found, all three found, largest excess energy")
    print(f"{'':32}{'lowest':>10}{'all three':>12}{'excess, meV':>16}{'share of time':>15}")
    kinds = {
        "12 of 60, energies over 3 eV": [random_case(seed, 60, 12) for seed in range(seeds)],
        "12 of 60, equal energies": [
            random_case(seed, 60, 12, spread=0.0) for seed in range(seeds)
        ],
        "16 of 80, energies over 3 eV": [random_case(seed, 80, 16) for seed in range(seeds)],
        "hosts and grids": [*hosts(), grid_case((3, 4, 5), 12), grid_case((4, 4, 4), 12)],
    }
    for name, cases in kinds.items():
        solved = [one for one in map(solve, cases) if one.exact]
        excess = np.array([one.guess - one.energies for one in solved])
        share = sum(one.before for one in solved) / sum(one.seconds for one in solved)
        lowest, three = (excess[:, 0] < TIE).sum(), (excess < TIE).all(1).sum()
        print(
            f"{name:32}{f'{lowest} of {len(solved)}':>10}{f'{three} of {len(solved)}':>12}"
            f"{1000 * excess[:, 0].max():>16.1f}{share:>14.0%}"
        )


def screening(folder: Path, paths: list[Path]) -> None:
    """Print the rank of the reference's arrangement for each screening."""
    references = read_references(paths)
    ranks: dict[float, list[int]] = {}
    for place, index in enumerate(references.indices.tolist()):
        cube = folder / f"{index:04d}" / "potential.cube"
        host, reference = references.hosts[place], references.complete[place]
        if not cube.exists() or reference.inserted.sum() < 2:
            continue
        sites = find_sites(read_cube(cube), host)
        if len(sites) > reference.inserted.sum():
            for value in SCREENINGS:
                ranks.setdefault(value, []).append(rank(sites, host, reference, value))
    print("Place of the reference among the arrangements, at least 2 H and more sites than that")
    print(f"{'screening':12}{'first':>8}{'first 3':>10}{'first 10':>10}{'hosts':>8}")
    for value, places in ranks.items():
        first, three, ten = (sum(place <= most for place in places) for most in (1, 3, 10))
        print(f"{value:<12g}{first:>8}{three:>10}{ten:>10}{len(places):>8}")


def rank(sites: Sites, host: StructureBatch, reference: StructureBatch, value: float) -> int:
    """Return the rank of the first unrelaxed arrangement that matches the reference."""
    count = int(reference.inserted.sum())
    settings = PinballSettings(screening=value, keep=10)
    found = choose_sites(
        sites.frac_coords, sites.energies, host.cells[0], count, settings, sites.permutations
    )
    element = get_symbol(int(reference.numbers[reference.inserted][0]))
    placed = place_sites(remove_inserted(host), sites.frac_coords, found.chosen, element)
    for place in range(len(placed)):
        if is_match(placed[place], reference):
            return place + 1
    return 1000


if __name__ == "__main__":
    main()
