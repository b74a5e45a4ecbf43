"""Prototypes of competing phases: elements, molecules and simple compounds.

Lattice constants are rough guesses, as the potential relaxes the cells. Compounds are scaled so
that nearest neighbours are at the sum of their covalent radii (Cordero et al., Dalton Trans. 2832
(2008)).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import gcd
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from ase.spacegroup import crystal as ase_crystal

from aiida_hpaint.science.structures.oxidation_states import (
    find_common_states,
    get_electronegativity,
)

BOX = 9.0
"""Edge (Å) of the cubic cell around a molecule, beyond the cutoff of the usual potentials."""
COMMON = 0.05
"""Share of an element's ions above which a state is used for stoichiometries."""
DIATOMIC = ("H", "N", "O", "F", "Cl", "Br", "I")
MOLECULES = ("H2O", "NH3", "CH4", "HF", "HCl", "SH2", "PH3", "SiH4", "CO2")
CLOSE_PACKED = ("fcc", "bcc", "hcp")

_Positions = list[tuple[float, float, float]]


def generate_prototypes(elements: Sequence[str]) -> Iterator[Atoms]:
    """Generate the prototypes of all phases that contain only these elements.

    The name of each is in `atoms.info["name"]`, such as `MgO rocksalt`.
    """
    known = sorted(set(elements))
    for symbol in known:
        yield from _generate_elements(symbol)
    for name in MOLECULES:
        atoms = molecule(name)
        if set(atoms.get_chemical_symbols()) <= set(known):
            yield _put_in_box(atoms, f"{atoms.symbols.get_chemical_formula()} molecule")
    for first, second in itertools.permutations(known, 2):
        yield from _generate_compounds(first, second)
    if {"O", "H"} <= set(known):
        for symbol in known:
            yield from _generate_hydroxides(symbol)


def is_molecule(atoms: Atoms) -> bool:
    """Return whether a prototype is a molecule in a box, whose cell is arbitrary."""
    return bool(atoms.info["name"].endswith("molecule"))


def _generate_elements(symbol: str) -> Iterator[Atoms]:
    radius = _get_radius(symbol)
    if symbol in DIATOMIC:
        yield _put_in_box(
            Atoms(f"{symbol}2", [[0, 0, 0], [0, 0, 2 * radius]]), f"{symbol}2 molecule"
        )
        return
    for name, atoms in _generate_special(symbol):
        yield _name_prototype(atoms, f"{symbol} {name}")
    for name in CLOSE_PACKED:
        yield _scale_to_distance(bulk(symbol, name, a=4.0), f"{symbol} {name}", 2 * radius)
    if symbol in ("C", "Si", "Ge", "Sn", "Ga"):
        yield _scale_to_distance(bulk(symbol, "diamond", a=4.0), f"{symbol} diamond", 2 * radius)


def _generate_special(symbol: str) -> Iterator[tuple[str, Atoms]]:
    """Generate the structures of elements that are not close-packed, in the most common form."""
    sites: _Positions
    if symbol in ("S", "Se", "Te"):
        cell = [4.37, 4.37, 4.96, 90, 90, 120]
        yield "chains", _build_crystal(symbol, [(0.225, 0, 1 / 3)], spacegroup=152, cellpar=cell)
    elif symbol == "P":
        cell = [3.31, 10.48, 4.37, 90, 90, 90]
        sites = [(0, 0.1034, 0.0806)]
        yield "black", _build_crystal("P", sites, spacegroup=64, cellpar=cell, primitive_cell=True)
    elif symbol in ("As", "Sb", "Bi"):
        scale = _get_radius(symbol) / _get_radius("As")
        cell = [3.76 * scale, 3.76 * scale, 10.55 * scale, 90, 90, 120]
        sites = [(0, 0, 0.23)]
        yield (
            "layers",
            _build_crystal(symbol, sites, spacegroup=166, cellpar=cell, primitive_cell=True),
        )
    elif symbol == "B":
        cell = [5.06, 5.06, 5.06, 58.06, 58.06, 58.06]
        sites = [(0.0104, 0.0104, 0.6573), (0.2206, 0.2206, 0.6323)]
        yield "icosahedra", _build_crystal("BB", sites, spacegroup=166, setting=2, cellpar=cell)
    elif symbol == "C":
        cell = [2.46, 2.46, 6.71, 90, 90, 120]
        sites = [(0, 0, 0.25), (1 / 3, 2 / 3, 0.25)]
        yield "graphite", _build_crystal("CC", sites, spacegroup=194, cellpar=cell)


def _generate_compounds(cation: str, anion: str) -> Iterator[Atoms]:
    """Generate prototypes for every ratio in which common oxidation states are neutral."""
    ratios = {
        (-negative // gcd(positive, -negative), positive // gcd(positive, -negative))
        for positive, share in find_common_states(cation).items()
        for negative, other in find_common_states(anion).items()
        if positive > 0 > negative and share > COMMON and other > COMMON
    }
    if get_electronegativity(cation) >= get_electronegativity(anion) or cation == "H":
        return
    for ratio in sorted(ratios):
        for name, atoms in _generate_ratio(ratio, cation, anion):
            formula = f"{cation}{ratio[0] if ratio[0] > 1 else ''}"
            formula += f"{anion}{ratio[1] if ratio[1] > 1 else ''}"
            yield _scale_to_distance(
                atoms, f"{formula} {name}", _get_radius(cation) + _get_radius(anion)
            )


def _generate_ratio(ratio: tuple[int, int], m: str, x: str) -> Iterator[tuple[str, Atoms]]:
    sites: _Positions
    if ratio == (1, 1):
        yield "rocksalt", bulk(m + x, "rocksalt", a=4.0)
        yield "zincblende", bulk(m + x, "zincblende", a=4.0)
    elif ratio == (1, 2):
        yield "fluorite", bulk(m + x * 2, "fluorite", a=4.0)
        sites = [(0, 0, 0), (0.305, 0.305, 0)]
        cell = [4.6, 4.6, 3.0, 90, 90, 90]
        yield "rutile", _build_crystal([m, x], sites, spacegroup=136, cellpar=cell)
        sites = [(0, 0, 0), (1 / 3, 2 / 3, 0.25)]
        cell = [3.3, 3.3, 5.0, 90, 90, 120]
        yield "layers", _build_crystal([m, x], sites, spacegroup=164, cellpar=cell)
    elif ratio == (2, 1):
        yield "antifluorite", bulk(x + m * 2, "fluorite", a=4.0)
    elif ratio == (2, 3):
        cell = [4.76, 4.76, 12.99, 90, 90, 120]
        sites = [(0, 0, 0.352), (0.306, 0, 0.25)]
        options = {"spacegroup": 167, "cellpar": cell, "primitive_cell": True}
        yield "corundum", _build_crystal([m, x], sites, **options)
        cell = [3.94, 3.94, 6.13, 90, 90, 120]
        sites = [(1 / 3, 2 / 3, 0.245), (1 / 3, 2 / 3, 0.645), (0, 0, 0)]
        yield "A-type", _build_crystal([m, x, x], sites, spacegroup=164, cellpar=cell)
    elif ratio == (1, 3):
        sites = [(0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5)]
        cell = [5.0, 5.0, 5.0, 90, 90, 90]
        options = {"spacegroup": 225, "cellpar": cell, "primitive_cell": True}
        yield "BiF3", _build_crystal([m, x, x], sites, **options)
        sites = [(0, 0, 0), (0.5, 0, 0)]
        yield "ReO3", _build_crystal([m, x], sites, spacegroup=221, cellpar=[4, 4, 4, 90, 90, 90])
    elif ratio == (3, 1):
        sites = [(0, 0, 0), (0.5, 0, 0)]
        cell = [4, 4, 4, 90, 90, 90]
        yield "anti-ReO3", _build_crystal([x, m], sites, spacegroup=221, cellpar=cell)


def _generate_hydroxides(cation: str) -> Iterator[Atoms]:
    """Generate hydroxides of cations with the charge 1 (like LiOH) and 2 (like brucite)."""
    sites: _Positions
    if cation in ("O", "H"):
        return
    shares = find_common_states(cation)
    size = _get_radius(cation)
    if shares.get(1, 0) > COMMON:
        scale = (size + _get_radius("O")) / 1.94
        cell = [3.55 * scale, 3.55 * scale, 4.34 * scale, 90, 90, 90]
        sites = [(0, 0, 0), (0, 0.5, 0.194), (0, 0.5, 0.194 + 0.97 / cell[2])]
        atoms = _build_crystal([cation, "O", "H"], sites, spacegroup=129, cellpar=cell)
        yield _name_prototype(atoms, f"{cation}OH layers")
    if shares.get(2, 0) > COMMON:
        scale = (size + _get_radius("O")) / 2.07
        cell = [3.15 * scale, 3.15 * scale, 4.77 * scale, 90, 90, 120]
        sites = [(0, 0, 0), (1 / 3, 2 / 3, 0.22), (1 / 3, 2 / 3, 0.22 + 0.96 / cell[2])]
        atoms = _build_crystal([cation, "O", "H"], sites, spacegroup=164, cellpar=cell)
        yield _name_prototype(atoms, f"{cation}(OH)2 brucite")


def _build_crystal(symbols: Any, sites: Any, **options: Any) -> Atoms:
    """Build a crystal with ASE, whose type hints do not cover our arguments."""
    return ase_crystal(symbols, sites, **options)


def _scale_to_distance(atoms: Atoms, name: str, distance: float) -> Atoms:
    """Scale a prototype so that its nearest neighbours have this distance (Å)."""
    nearest = float(neighbor_list("d", atoms, 2 * float(atoms.cell.lengths().max())).min())
    atoms.set_cell(atoms.cell * (distance / nearest), scale_atoms=True)
    return _name_prototype(atoms, name)


def _put_in_box(atoms: Atoms, name: str) -> Atoms:
    atoms.set_cell(BOX * np.eye(3))
    atoms.center()
    atoms.pbc = True
    return _name_prototype(atoms, name)


def _name_prototype(atoms: Atoms, name: str) -> Atoms:
    plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    plain.info["name"] = name
    return plain


def _get_radius(symbol: str) -> float:
    return float(covalent_radii[atomic_numbers[symbol]])
