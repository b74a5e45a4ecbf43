"""Molecular and framework crystals with all their H, for training and, others, for figures.

    python benchmarks/molecular.py --core-mof SITE/CoRE_MOF --pyxtal SITE/pyxtal --output data

The sources are the data of two Python packages, `core-mof` (metal-organic frameworks; data: CC BY
4.0, doi:10.5281/zenodo.7691378 and 10.5281/zenodo.3228673) and `pyxtal` (molecular crystals; MIT):
`pip install --target SITE --no-deps core-mof pyxtal`. Structures of which some H are missing,
disordered or shared are left out; X-H, which X-rays see too short, get the lengths that neutrons
see. One in eight, by the hash of its formula, goes to `references.extxyz`, which no model may be
trained on; the others to `training.extxyz`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import tarfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spglib
from ase import Atoms
from ase.data import covalent_radii
from ase.db import connect
from ase.io import read
from ase.neighborlist import neighbor_list

from aiida_hpaint.science.benchmark.references import format_reduced_formula
from aiida_hpaint.science.plausibility.carriers import NONMETALS
from aiida_hpaint.science.structures.conversion import from_ase
from aiida_hpaint.science.structures.extxyz import write_extxyz

LENGTHS = {5: 1.19, 6: 1.089, 7: 1.015, 8: 0.983, 14: 1.48, 15: 1.42, 16: 1.34}
"""Å, mean X-H of neutron diffraction (Allen & Bruno, Acta Cryst. B66, 380 (2010), and for Si, P and
S those of molecules)."""

FORMS_OXO = (23, 24, 25, 41, 42, 44, 73, 74, 75, 76, 92, 93)
"""Metals with terminal oxygen that is no water."""

KEPT_APART = 32
"""Of 256: first byte of the hash of formulas that are kept apart."""


def main() -> None:
    """Read, clean and write; print what was left out and why."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core-mof", type=Path, required=True)
    parser.add_argument("--pyxtal", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--max-sites", type=int, default=80)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    outcome: Counter[str] = Counter()
    found: dict[tuple[str, int], Atoms] = {}
    for name, atoms in (*read_frameworks(chosen.core_mof), *read_molecular(chosen.pyxtal)):
        primitive = reduce_to_primitive(atoms)
        fault = find_fault(primitive, chosen.max_sites)
        # Entries of one compound differ in their last letters or numbers.
        key = (name[:6], len(primitive))
        outcome[fault or ("again" if key in found else "good")] += 1
        if fault is None and key not in found:
            primitive.info = {"material_id": name}
            found[key] = with_neutron_lengths(primitive)
    print(*(f"{count:6d} {reason}" for reason, count in outcome.most_common()), sep="\n")
    chosen.output.mkdir(parents=True, exist_ok=True)
    apart = [one for one in found.values() if is_kept_apart(one)]
    rest = [one for one in found.values() if not is_kept_apart(one)]
    for file, structures in (("references", apart), ("training", rest)):
        write_extxyz(from_ase(structures), chosen.output / f"{file}.extxyz")
        print(f"{file}: {len(structures)}")


def read_frameworks(folder: Path) -> Iterator[tuple[str, Atoms]]:
    """Read the frameworks whose file is small enough for a cell of a hundred sites."""
    for archive in ("2014", "2019-ASR", "2019-FSR"):
        with tarfile.open(folder / "data" / f"{archive}.tar.xz") as files:
            for member in files:
                if member.name.endswith(".cif") and member.size < 7_500:
                    text = files.extractfile(member)
                    assert text is not None
                    yield from parse(Path(member.name).stem, text.read().decode(errors="replace"))


def read_molecular(folder: Path) -> Iterator[tuple[str, Atoms]]:
    """Read the crystals of molecules among the examples, and in the databases."""
    for path in sorted((folder / "database" / "cifs").glob("*.cif")):
        yield from parse(path.stem, path.read_text(errors="replace"))
    for name in ("test", "mech"):
        with connect(folder / "database" / f"{name}.db") as database:
            yield from ((row.csd_code, row.toatoms()) for row in database.select())


def parse(name: str, text: str) -> Iterator[tuple[str, Atoms]]:
    """Read a CIF with hydrogen and carbon; one that ASE cannot read is no structure."""
    if not all(re.search(rf"^\S+\s+{symbol}\s", text, re.MULTILINE) for symbol in "HC"):
        return
    try:
        atoms = read(io.StringIO(text), format="cif")
    except Exception as error:
        print(f"{name}: {error}")
        return
    assert isinstance(atoms, Atoms)
    yield name, atoms


def reduce_to_primitive(atoms: Atoms) -> Atoms:
    """Return the primitive cell, sites where they are."""
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=0.02)
    if found is None:
        return atoms
    lattice, frac, numbers = found
    return Atoms(numbers, scaled_positions=frac, cell=lattice, pbc=True)


@dataclass(frozen=True)
class Bonds:
    """Pairs of bonded atoms, each listed twice, and the vectors between them in Å."""

    first: np.ndarray
    second: np.ndarray
    vectors: np.ndarray

    @classmethod
    def find(cls, atoms: Atoms) -> Bonds:
        """Find pairs within 1.25 sums of covalent radii, hydrogen within 1.2."""
        radii = np.where(atoms.numbers == 1, 1.2, 1.25) * covalent_radii[atoms.numbers]
        first, second, vectors = neighbor_list("ijD", atoms, radii)
        return cls(first, second, vectors)

    def of(self, site: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the neighbours of a site and the vectors to them."""
        mine = self.first == site
        return self.second[mine], self.vectors[mine]


def find_fault(atoms: Atoms, max_sites: int) -> str | None:
    """Return why a structure cannot be used; None if it can."""
    if len(atoms) > max_sites:
        return "too large"
    close = neighbor_list("ijd", atoms, 1.4)
    sums = covalent_radii[atoms.numbers[close[0]]] + covalent_radii[atoms.numbers[close[1]]]
    hydrogens = (atoms.numbers[close[0]] == 1) & (atoms.numbers[close[1]] == 1)
    if hydrogens.any() or (close[2] < 0.72 * sums).any():
        return "atoms too close"
    bonds = Bonds.find(atoms)
    for site, number in enumerate(atoms.numbers):
        neighbours, vectors = bonds.of(site)
        kinds = atoms.numbers[neighbours]
        if number == 1 and (len(kinds) != 1 or kinds[0] not in LENGTHS):
            return "H that no atom, or several, carry"
        if number == 6 and is_open_carbon(kinds, vectors):
            return "C that lacks H"
        if number in (7, 8) and is_open_ligand(kinds):
            return "O or N that lacks H"
    return None


def is_open_carbon(kinds: np.ndarray, vectors: np.ndarray) -> bool:
    """Return whether the directions of the bonds of a carbon leave room for an H."""
    light = np.isin(kinds, (1, *NONMETALS))
    if len(kinds) > int(light.sum()):  # bound to a metal: carbides, carbonyls, cyanides
        return len(kinds) < 2
    if len(kinds) < 2 or len(kinds) > 4:
        return True
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    if len(kinds) == 2:
        return bool(units[0] @ units[1] > np.cos(np.radians(160)))
    # The sum of three unit vectors in a plane at 120 degrees is zero, of three in a tetrahedron 1.
    return len(kinds) == 3 and bool(np.linalg.norm(units.sum(axis=0)) > 0.55)


def is_open_ligand(kinds: np.ndarray) -> bool:
    """Return whether O or N is bound to nothing, or to one or two metals only."""
    metals = ~np.isin(kinds, (1, *NONMETALS))
    bare = metals.all() and len(kinds) <= 2
    return bool(bare and not np.isin(kinds, FORMS_OXO).any())


def with_neutron_lengths(atoms: Atoms) -> Atoms:
    """Return a structure whose X-H have the lengths of neutron diffraction, in their direction."""
    bonds, positions = Bonds.find(atoms), atoms.positions.copy()
    for site in np.flatnonzero(atoms.numbers == 1):
        (carrier,), (vector,) = bonds.of(int(site))
        length = LENGTHS[int(atoms.numbers[carrier])]
        positions[site] += vector * (1 - length / np.linalg.norm(vector))
    return Atoms(atoms.numbers, positions, cell=atoms.cell, pbc=True, info=atoms.info)


def is_kept_apart(atoms: Atoms) -> bool:
    """Return whether the formula is among those that no model may be trained on."""
    formula = format_reduced_formula(atoms.numbers)
    return hashlib.sha256(f"apart {formula}".encode()).digest()[0] < KEPT_APART


if __name__ == "__main__":
    main()
