"""Competing phases: elements, molecules and simple compounds as known prototypes.

A guess at each lattice is enough: the potential relaxes the cells. Prototypes of compounds are
scaled so that the nearest neighbours of both elements touch (covalent radii, Cordero et al. 2008).
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

from aiida_hpaint.science.counting.charges import common_states

BOX = 9.0
"""Å; edge of the cubic cell around a molecule, beyond the reach of the usual potentials."""
COMMON = 0.05
"""Share of an element's ions above which a state makes a stoichiometry of a compound."""
DIATOMIC = ("H", "N", "O", "F", "Cl", "Br", "I")
MOLECULES = ("H2O", "NH3", "CH4", "HF", "HCl", "SH2", "PH3", "SiH4", "CO2")
CLOSE_PACKED = ("fcc", "bcc", "hcp")


def prototypes(elements: Sequence[str]) -> Iterator[Atoms]:
    """All prototypes of phases that hold no other than these elements.

    The name of each is `atoms.info["name"]`, like `MgO rocksalt`.
    """
    known = sorted(set(elements))
    for symbol in known:
        yield from _elements(symbol)
    for name in MOLECULES:
        atoms = molecule(name)
        if set(atoms.get_chemical_symbols()) <= set(known):
            yield _boxed(atoms, f"{atoms.symbols.get_chemical_formula()} molecule")
    for first, second in itertools.permutations(known, 2):
        yield from _compounds(first, second)
    if {"O", "H"} <= set(known):
        for symbol in known:
            yield from _hydroxides(symbol)


def is_molecule(atoms: Atoms) -> bool:
    """Whether a prototype is a molecule in a box, whose cell has no meaning."""
    return bool(atoms.info["name"].endswith("molecule"))


def _elements(symbol: str) -> Iterator[Atoms]:
    radius = _radius(symbol)
    if symbol in DIATOMIC:
        yield _boxed(Atoms(f"{symbol}2", [[0, 0, 0], [0, 0, 2 * radius]]), f"{symbol}2 molecule")
        return
    for name, atoms in _special(symbol):
        yield _named(atoms, f"{symbol} {name}")
    for name in CLOSE_PACKED:
        yield _touching(bulk(symbol, name, a=4.0), f"{symbol} {name}", 2 * radius)
    if symbol in ("C", "Si", "Ge", "Sn", "Ga"):
        yield _touching(bulk(symbol, "diamond", a=4.0), f"{symbol} diamond", 2 * radius)


def _special(symbol: str) -> Iterator[tuple[str, Atoms]]:
    """Elements with structures of their own; lattices of the commonest form."""
    if symbol in ("S", "Se", "Te"):
        cell = [4.37, 4.37, 4.96, 90, 90, 120]
        yield "chains", crystal(symbol, [(0.225, 0, 1 / 3)], spacegroup=152, cellpar=cell)
    elif symbol == "P":
        cell = [3.31, 10.48, 4.37, 90, 90, 90]
        sites = _sites((0, 0.1034, 0.0806))
        yield "black", crystal("P", sites, spacegroup=64, cellpar=cell, primitive_cell=True)
    elif symbol in ("As", "Sb", "Bi"):
        scale = _radius(symbol) / _radius("As")
        cell = [3.76 * scale, 3.76 * scale, 10.55 * scale, 90, 90, 120]
        sites = _sites((0, 0, 0.23))
        yield "layers", crystal(symbol, sites, spacegroup=166, cellpar=cell, primitive_cell=True)
    elif symbol == "B":
        cell = [5.06, 5.06, 5.06, 58.06, 58.06, 58.06]
        sites = _sites((0.0104, 0.0104, 0.6573), (0.2206, 0.2206, 0.6323))
        yield "icosahedra", crystal("BB", sites, spacegroup=166, setting=2, cellpar=cell)
    elif symbol == "C":
        cell = [2.46, 2.46, 6.71, 90, 90, 120]
        sites = _sites((0, 0, 0.25), (1 / 3, 2 / 3, 0.25))
        yield "graphite", crystal("CC", sites, spacegroup=194, cellpar=cell)


def _compounds(cation: str, anion: str) -> Iterator[Atoms]:
    """Prototypes for every ratio that common states of the two make neutral."""
    ratios = {
        (-negative // gcd(positive, -negative), positive // gcd(positive, -negative))
        for positive, share in common_states(cation).items()
        for negative, other in common_states(anion).items()
        if positive > 0 > negative and share > COMMON and other > COMMON
    }
    if _electronegativity(cation) >= _electronegativity(anion) or cation == "H":
        return
    for ratio in sorted(ratios):
        for name, atoms in _by_ratio(ratio, cation, anion):
            formula = f"{cation}{ratio[0] if ratio[0] > 1 else ''}"
            formula += f"{anion}{ratio[1] if ratio[1] > 1 else ''}"
            yield _touching(atoms, f"{formula} {name}", _radius(cation) + _radius(anion))


def _by_ratio(ratio: tuple[int, int], m: str, x: str) -> Iterator[tuple[str, Atoms]]:
    if ratio == (1, 1):
        yield "rocksalt", bulk(m + x, "rocksalt", a=4.0)
        yield "zincblende", bulk(m + x, "zincblende", a=4.0)
    elif ratio == (1, 2):
        yield "fluorite", bulk(m + x * 2, "fluorite", a=4.0)
        sites = _sites((0, 0, 0), (0.305, 0.305, 0))
        yield "rutile", crystal([m, x], sites, spacegroup=136, cellpar=[4.6, 4.6, 3.0, 90, 90, 90])
        sites = _sites((0, 0, 0), (1 / 3, 2 / 3, 0.25))
        yield "layers", crystal([m, x], sites, spacegroup=164, cellpar=[3.3, 3.3, 5.0, 90, 90, 120])
    elif ratio == (2, 1):
        yield "antifluorite", bulk(x + m * 2, "fluorite", a=4.0)
    elif ratio == (2, 3):
        cell = [4.76, 4.76, 12.99, 90, 90, 120]
        sites = _sites((0, 0, 0.352), (0.306, 0, 0.25))
        yield "corundum", crystal([m, x], sites, spacegroup=167, cellpar=cell, primitive_cell=True)
        cell = [3.94, 3.94, 6.13, 90, 90, 120]
        sites = _sites((1 / 3, 2 / 3, 0.245), (1 / 3, 2 / 3, 0.645), (0, 0, 0))
        yield "A-type", crystal([m, x, x], sites, spacegroup=164, cellpar=cell)
    elif ratio == (1, 3):
        sites = _sites((0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5))
        cell = [5.0, 5.0, 5.0, 90, 90, 90]
        yield "BiF3", crystal([m, x, x], sites, spacegroup=225, cellpar=cell, primitive_cell=True)
        sites = _sites((0, 0, 0), (0.5, 0, 0))
        yield "ReO3", crystal([m, x], sites, spacegroup=221, cellpar=[4, 4, 4, 90, 90, 90])
    elif ratio == (3, 1):
        sites = _sites((0, 0, 0), (0.5, 0, 0))
        yield "anti-ReO3", crystal([x, m], sites, spacegroup=221, cellpar=[4, 4, 4, 90, 90, 90])


def _hydroxides(cation: str) -> Iterator[Atoms]:
    """Hydroxides of cations in the state 1 (like LiOH) and 2 (like brucite)."""
    if cation in ("O", "H"):
        return
    shares = common_states(cation)
    size = _radius(cation)
    if shares.get(1, 0) > COMMON:
        scale = (size + _radius("O")) / 1.94
        cell = [3.55 * scale, 3.55 * scale, 4.34 * scale, 90, 90, 90]
        sites = _sites((0, 0, 0), (0, 0.5, 0.194), (0, 0.5, 0.194 + 0.97 / cell[2]))
        atoms = crystal([cation, "O", "H"], sites, spacegroup=129, cellpar=cell)
        yield _named(atoms, f"{cation}OH layers")
    if shares.get(2, 0) > COMMON:
        scale = (size + _radius("O")) / 2.07
        cell = [3.15 * scale, 3.15 * scale, 4.77 * scale, 90, 90, 120]
        sites = _sites((0, 0, 0), (1 / 3, 2 / 3, 0.22), (1 / 3, 2 / 3, 0.22 + 0.96 / cell[2]))
        atoms = crystal([cation, "O", "H"], sites, spacegroup=164, cellpar=cell)
        yield _named(atoms, f"{cation}(OH)2 brucite")


def _sites(*sites: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    return list(sites)


def crystal(symbols: Any, sites: Any, **options: Any) -> Atoms:
    """ASE's crystal, whose sites may be whole numbers as well."""
    return ase_crystal(symbols, sites, **options)


def _touching(atoms: Atoms, name: str, distance: float) -> Atoms:
    """The prototype, scaled so that its nearest neighbours have this distance (Å)."""
    nearest = float(neighbor_list("d", atoms, 2 * float(atoms.cell.lengths().max())).min())
    atoms.set_cell(atoms.cell * (distance / nearest), scale_atoms=True)
    return _named(atoms, name)


def _boxed(atoms: Atoms, name: str) -> Atoms:
    atoms.set_cell(BOX * np.eye(3))
    atoms.center()
    atoms.pbc = True
    return _named(atoms, name)


def _named(atoms: Atoms, name: str) -> Atoms:
    plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    plain.info["name"] = name
    return plain


def _radius(symbol: str) -> float:
    return float(covalent_radii[atomic_numbers[symbol]])


def _electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    return float(Element(symbol).X)
