"""Choose the crystals of the comparison, once: the result is committed.

    PYTHONPATH=tests python -m parity.choose train.npz hydrogen.extxyz

`train.npz` holds structures of MP-20 (numbers, fractional coordinates, lattices), the other file
structures with hydrogen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_hpaint.science.types import FloatArray

from .crystals import KNOWN_TIME, Case, save_cases

SHEAR = np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]])
NEIGHBOURS = 50
LARGEST_IMAGE = 7


def main() -> None:
    """Write `data/crystals.npz`."""
    rng = np.random.default_rng(2026)
    structures = read_structures(sys.argv[1])
    plain = [*by_size(structures, rng), *skewed(structures), *single(structures)]
    plain += [atoms for atoms in ase.io.read(sys.argv[2], ":") if len(atoms) % 4 == 0][:5]
    named = [(atoms.info.get("material_id", "") + f" {atoms.symbols}", atoms) for atoms in plain]
    named += [(f"ideal {atoms.symbols}", atoms) for atoms in ideal()]
    cases = [make_case(label, atoms, rng) for label, atoms in named]
    cases.append(make_case("sheared " + named[5][0], sheared(named[5][1]), rng))
    cases += [noised(case, rng) for case in cases[2 : 2 + 3 * (50 - len(cases)) : 3]]
    save_cases(cases)
    for case in cases:
        print(f"{case.label:45s} {len(case.numbers):3d} gap {case.gap:.1e}")


def read_structures(path: str) -> list[Atoms]:
    """All structures of an npz file."""
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    ends = np.cumsum(data["num_atoms"].astype(int))
    return [
        Atoms(
            data["atomic_numbers"][start:end],
            scaled_positions=data["frac_coords"][start:end],
            cell=cell,
            pbc=True,
            info={"material_id": str(label)},
        )
        for start, end, cell, label in zip(
            [0, *ends[:-1]], ends, data["lattice"], data["material_id"], strict=True
        )
    ]


def by_size(structures: list[Atoms], rng: np.random.Generator) -> Iterator[Atoms]:
    """One structure of each size from 2 to 20."""
    sizes = np.array([len(atoms) for atoms in structures])
    for size in range(2, 21):
        yield structures[rng.choice(np.flatnonzero(sizes == size))]


def skewed(structures: list[Atoms]) -> list[Atoms]:
    """The five cells that are flattest, of 1 to 12 sites."""
    small = [atoms for atoms in structures if len(atoms) <= 12]
    return sorted(small, key=flatness)[-5:]


def flatness(atoms: Atoms) -> float:
    """Longest edge over smallest distance of lattice planes."""
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    return float(atoms.cell.lengths().max() / heights.min())


def single(structures: list[Atoms]) -> list[Atoms]:
    """Two cells of one site."""
    return [atoms for atoms in structures if len(atoms) == 1][:2]


def ideal() -> list[Atoms]:
    """Crystals whose sites have many neighbours at exactly the same distance."""
    return [
        bulk("Al", "fcc", a=4.05),
        bulk("Fe", "bcc", a=2.87),
        bulk("Po", "sc", a=3.35),
        bulk("Cu", "fcc", a=3.61, cubic=True),
        bulk("Si", "diamond", a=5.43),
        bulk("Mg", "hcp", a=3.21, c=5.21),
        crystal(
            ["Na", "Cl"],
            [(0, 0, 0), (0.5, 0.5, 0.5)],
            spacegroup=225,
            cellpar=[5.64] * 3 + [90] * 3,
        ),
        crystal(
            ["Sr", "Ti", "O"],
            [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)],
            spacegroup=221,
            cellpar=[3.905] * 3 + [90] * 3,
        ),
    ]


def sheared(atoms: Atoms) -> Atoms:
    """The same crystal in a very oblique cell."""
    moved = atoms.copy()
    moved.set_cell(SHEAR @ atoms.cell.array, scale_atoms=False)
    return moved


def make_case(label: str, atoms: Atoms, rng: np.random.Generator) -> Case:
    """A case with random times; the unknown sites are the hydrogen, or one element."""
    numbers = atoms.numbers.astype(np.int64)
    unknown = numbers == (1 if 1 in numbers else rng.choice(numbers))
    time = float(rng.uniform(0.02, 1))
    times = np.where(unknown, time, KNOWN_TIME)
    if rng.random() < 0.3:
        times = np.where(unknown, rng.uniform(0.02, 1, len(numbers)), KNOWN_TIME)
    frac, cell = atoms.get_scaled_positions(), atoms.cell.array
    return Case(label, numbers, frac, cell, unknown, time, times, neighbour_gap(frac, cell))


def noised(case: Case, rng: np.random.Generator) -> Case:
    """The case with noise of its time in the unknown sites."""
    level = 0.01 * 500**case.time * len(case.numbers) ** (-1 / 3)
    kicks = level * rng.standard_normal(case.frac.shape) * case.unknown[:, None]
    frac = (case.frac + kicks) % 1.0
    changed = {"label": f"noised {case.label}", "frac": frac}
    return Case(**{**vars(case), **changed, "gap": neighbour_gap(frac, case.cell)})


def neighbour_gap(frac: FloatArray, cell: FloatArray) -> float:
    """Smallest difference of distance, over the sites, between the 50th and 51st neighbours."""
    steps = np.arange(-LARGEST_IMAGE, LARGEST_IMAGE + 1)
    images = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    gaps = []
    for site in frac:
        away = np.linalg.norm((frac[:, None] + images - site).reshape(-1, 3) @ cell, axis=1)
        nearest = np.partition(away, NEIGHBOURS + 1)[: NEIGHBOURS + 2]
        last, after = np.sort(nearest)[-2:]
        gaps.append(after - last if last <= 7 else np.inf)
    return float(min(gaps))


if __name__ == "__main__":
    main()
