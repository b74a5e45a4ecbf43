"""R0 of cation-oxygen bonds from structures, for `oxide_bonds.yaml` of the structures package.

    python benchmarks/bond_lengths.py train.npz > oxide_bonds.yaml

`train.npz` holds many structures: num_atoms (S), atomic_numbers (N), frac_coords (N, 3) and
lattice (S, 3, 3), as the training of the bundled model reads them. Oxides with up to three cations
and one common neutral assignment of whole oxidation states are used. For each site, R0 is what
makes its bond valences add up to its state (b = 0.37 Å); the table has medians over sites.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from aiida_hpaint.science.counting.bond_valences import REACH
from aiida_hpaint.science.plausibility.charge_balance import find_charge_balances
from aiida_hpaint.science.structures.bond_lengths import SOFTNESS

OTHER_ANIONS = {"H", "F", "S", "Cl", "Se", "Br", "Te", "I", "N"}
FEWEST_SITES = 8
LEAST_WEIGHT = 0.05


def main() -> None:
    """Read structures, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", type=Path)
    warnings.simplefilter("ignore")
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for atoms in oxides(np.load(parser.parse_args().structures)):
        for symbol, state, length in lengths(atoms):
            found[symbol][state].append(length)
    for symbol in sorted(found):
        pairs = sorted((s, v) for s, v in found[symbol].items() if len(v) >= FEWEST_SITES)
        if pairs:
            text = ", ".join(f"{state}: {np.median(values):.3f}" for state, values in pairs)
            print(f"{symbol}: {{{text}}}")


def oxides(data: Any) -> Iterator[Atoms]:
    """Yield structures with oxygen as the only anion."""
    numbers, frac, cells = data["atomic_numbers"], data["frac_coords"], data["lattice"]
    stops = np.cumsum(data["num_atoms"])
    for cell, stop, count in zip(cells, stops, data["num_atoms"], strict=True):
        sites = slice(int(stop - count), int(stop))
        atoms = Atoms(numbers[sites], scaled_positions=frac[sites], cell=cell, pbc=True)
        symbols = set(atoms.get_chemical_symbols())
        if "O" in symbols and 2 <= len(symbols) <= 4 and not symbols & OTHER_ANIONS:
            yield atoms


def lengths(atoms: Atoms) -> Iterator[tuple[str, int, float]]:
    """Yield element, oxidation state and R0 (Å) of each cation."""
    symbols = atoms.get_chemical_symbols()
    assignments = find_charge_balances(dict(Counter(symbols)), "H", 0)
    if not assignments or assignments[0].weight < LEAST_WEIGHT:
        return
    states = assignments[0].states
    if any(state != int(state) for state in states.values()):
        return
    totals: dict[int, float] = defaultdict(float)
    for i, j, distance in zip(*neighbor_list("ijd", atoms, REACH), strict=True):
        if symbols[j] == "O" and states[symbols[i]] > 0:
            totals[i] += math.exp(-distance / SOFTNESS)
    for site, total in totals.items():
        state = int(states[symbols[site]])
        yield symbols[site], state, SOFTNESS * math.log(state / total)


if __name__ == "__main__":
    main()
