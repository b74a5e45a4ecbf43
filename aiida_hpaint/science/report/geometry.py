"""Tables of one answer: bonds of H, hydrogen bonds, bond valences, displacements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.science.report.ring_nitrogen import has_h_on_bare_ring
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.bond_lengths import SOFTNESS, find_bond_length
from aiida_hpaint.science.structures.budget.cell_content import REACH, CellContent
from aiida_hpaint.science.structures.budget.valences import VALENCES, find_bond_valences
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.geometric.bonds import (
    NONMETALS,
    PLANAR,
    Bonds,
    Neighbour,
)
from aiida_hpaint.science.structures.periodic_pairs import find_periodic_pairs
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.hydrogen_bonds import CarriedHydrogen, HydrogenBond
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = [
    "Displacement",
    "HydrogenBondRow",
    "MetalNeighbours",
    "ValenceRow",
    "list_displacements",
    "list_hydrogen_bonds",
    "list_metal_neighbours",
    "list_valences",
]

_LONGEST_TO_METAL = 4.0
"""Distance beyond which no metal is a neighbour of H, Å."""

_NEIGHBOURS = 1.25
"""Distance up to which metals are neighbours of H, relative to the nearest."""


@dataclass(frozen=True)
class ValenceRow:
    """Bond-valence sum of one site of the asymmetric unit, in valence units.

    Attributes
    ----------
    label
        Label of the site.
    without, total
        Sum without and with the bonds to H; for cations the two are the same.
    expected
        Oxidation state (absolute value).
    most
        Largest sum that is expected, where it is not the same.
    has_wrong_h
        Whether it carries an H that its ring was measured without; see `has_h_on_bare_ring`.
    """

    label: str
    without: float
    total: float
    expected: float
    most: float | None = None
    has_wrong_h: bool = False

    @property
    def is_off(self) -> bool:
        """Whether H is wrong, or the sum off by more than a fifth of the expected, at least 0.25.

        Above the largest of a range only 0.25 is left, more than any of 542 N of frameworks needs.
        """
        tolerance = max(0.25, 0.2 * self.expected)
        limit = self.expected + tolerance if self.most is None else self.most + 0.25
        return self.has_wrong_h or not self.expected - tolerance <= self.total <= limit


@dataclass(frozen=True)
class Displacement:
    """How far the atoms of one site of the host moved.

    Attributes
    ----------
    label
        Label of the site.
    length
        Å, without the drift of the whole host.
    """

    label: str
    length: float


@dataclass(frozen=True)
class HydrogenBondRow:
    """A hydrogen bond, and how many equivalent ones its H has.

    Attributes
    ----------
    name
        Labels as D-H...A.
    length, bond
        Distance D-H, Å, and the hydrogen bond.
    count
        How many acceptors of this label are at these distances from one H.
    """

    name: str
    length: float
    bond: HydrogenBond
    count: int


@dataclass(frozen=True)
class MetalNeighbours:
    """Metal atoms around an inserted H that no nonmetal carries.

    Attributes
    ----------
    hydrogen
        Label of H.
    metals
        Labels of its neighbours with their numbers, such as `3 Mg1`.
    shortest, longest
        Distances, Å.
    """

    hydrogen: str
    metals: str
    shortest: float
    longest: float


def list_hydrogen_bonds(hydrogens: Sequence[CarriedHydrogen]) -> list[HydrogenBondRow]:
    """Return hydrogen bonds, those of one H that look the same once with their number."""
    found: dict[tuple[str, str], HydrogenBondRow] = {}
    for one in hydrogens:
        for bond in one.hydrogen_bonds:
            donor = f"{one.donor}\N{EN DASH}{one.hydrogen}"
            name = f"{donor}\N{MIDLINE HORIZONTAL ELLIPSIS}{bond.acceptor}"
            key = name, f"{bond.to_hydrogen:.3f} {bond.to_donor:.3f} {bond.angle:.1f}"
            count = found[key].count if key in found else 0
            found[key] = HydrogenBondRow(name, one.length, bond, count + 1)
    return list(found.values())


def list_metal_neighbours(crystal: RestoredCrystal) -> list[MetalNeighbours]:
    """Return the metals around inserted H that no nonmetal carries, as in hydrides."""
    structure = crystal.structure
    labels = {int(k): site.label for site in crystal.sites for k in site.members.tolist()}
    first, second, distances = find_periodic_pairs(
        structure.frac_coords, structure.cells[0], _LONGEST_TO_METAL
    )
    rows = []
    for site in crystal.sites:
        if not site.is_inserted or site.parent or site.symbol not in ("H", "D", "T"):
            continue
        near = (first == int(site.members[0])) & (structure.numbers[second] != 1)
        if not near.any():
            continue
        near &= distances <= _NEIGHBOURS * distances[near].min()
        counts = Counter(labels[int(k)] for k in second[near].tolist())
        metals = ", ".join(f"{count} {label}" for label, count in counts.items())
        rows.append(
            MetalNeighbours(
                site.label, metals, float(distances[near].min()), float(distances[near].max())
            )
        )
    return rows


def list_displacements(crystal: RestoredCrystal) -> list[Displacement]:
    """Return the displacements of the sites of the host, the largest first."""
    indices = np.flatnonzero(~crystal.structure.inserted).tolist()
    moved = dict(zip(indices, crystal.displacements.tolist(), strict=True))
    rows = [
        Displacement(site.label, moved[int(site.members[0])])
        for site in crystal.sites
        if not site.is_inserted
    ]
    return sorted(rows, key=lambda row: -row.length)


def list_valences(crystal: RestoredCrystal, host: StructureBatch | None = None) -> list[ValenceRow]:
    """Return the bond-valence sums of cations and of O, N and C, in the order of the sites.

    Oxidation states of cations are those that their bonds fit best. Sites of elements that no
    parameters are known for are left out, and so are other anions and H.

    Parameters
    ----------
    host
        The host as measured, if it is at hand: its angles tell which N of rings carry H.
    """
    structure = crystal.structure
    cell = CellContent.from_host(_without_labels(structure))
    found = find_bond_valences(cell)
    bonds = Bonds.find(
        structure.cells[0], structure.numbers, structure.frac_coords, structure.numbers > 0
    )
    to_hydrogen = _sum_valences_of_hydrogen(cell, bonds)
    measured, before = np.full_like(structure.frac_coords, np.nan), structure.cells[0]
    if host is not None:
        before = host.cells[0]
        measured[~structure.inserted] = host.frac_coords[~host.inserted]
    rows = []
    for site in crystal.sites:
        index = int(site.members[0])
        symbol = get_symbol(int(structure.numbers[index]))
        if symbol in VALENCES and found.sums[index]:
            bare = float(found.sums[index])
            neighbours = bonds.list_neighbours(index)
            ends = [bond.number for bond in neighbours]
            expected = VALENCES[symbol] + is_protonated(symbol, ends)
            most = expected + 1 if shares_lone_pair(symbol, neighbours) else None
            wrong = symbol == "N" and has_h_on_bare_ring(bonds, index, measured, before)
            total = bare + to_hydrogen[index]
            rows.append(ValenceRow(site.label, bare, total, expected, most, wrong))
        elif found.to_anions[index] > 0 and found.states[index] > 0:
            total = float(found.to_anions[index])
            rows.append(ValenceRow(site.label, total, total, float(found.states[index])))
    return rows


def is_protonated(symbol: str, neighbours: Sequence[int]) -> bool:
    """Return whether an atom has one bond more than its valence: ammonium and the like, or H3O+.

    Parameters
    ----------
    neighbours
        Atomic numbers of its neighbours.
    """
    hydrogens = neighbours.count(1)
    if symbol == "N":
        return hydrogens > 0 and sum(number in NONMETALS for number in neighbours) == 4
    return symbol == "O" and hydrogens == 3


def shares_lone_pair(symbol: str, neighbours: Sequence[Neighbour]) -> bool:
    """Return whether an atom is N whose lone pair is part of its bonds, which add up to 3 to 4.

    Its three bonds are flat or one is short, as in amides, guanidines, pyrroles, nitro groups, and
    pyridine that a metal is bonded to; or it has three bonds and one to a metal, as amines may.
    """
    if symbol != "N" or len(neighbours) not in (3, 4):
        return False
    if len(neighbours) == 4:
        return sum(bond.number in NONMETALS for bond in neighbours) == 3
    volume = np.linalg.det([bond.direction for bond in neighbours])
    return bool(abs(volume) < PLANAR) or any(bond.is_conjugated for bond in neighbours)


def _without_labels(structure: StructureBatch) -> StructureBatch:
    """Return a structure whose metadata do not name the sites of its host."""
    return replace(structure, metadata=({},))


def _sum_valences_of_hydrogen(cell: CellContent, bonds: Bonds) -> FloatArray:
    """Return (n,) the sum of valences of the bonds of each O, N and C to H.

    Hydrogen bonds count; H that an atom's own neighbours carry has no bond to it, however near.
    """
    first, second, distances = cell.neighbours
    symbols = np.array(cell.symbols)
    atoms, apart = _list_carried_beside(bonds)
    sums = np.zeros(len(symbols))
    for symbol in VALENCES:
        length = find_bond_length("H", 1.0, symbol)
        chosen = (symbols[first] == symbol) & (symbols[second] == "H")
        valences = np.exp((length - distances[chosen]) / SOFTNESS)
        sums += np.bincount(first[chosen], valences, len(symbols))
        beside = symbols[atoms] == symbol
        valences = np.exp((length - apart[beside]) / SOFTNESS)
        sums -= np.bincount(atoms[beside], valences, len(symbols))
    return sums


def _list_carried_beside(bonds: Bonds) -> tuple[IntArray, FloatArray]:
    """Return atoms and their distances (Å) from each H that one of their neighbours carries."""
    carries = bonds.ends == 1
    beside, carried = np.flatnonzero(~carries), np.flatnonzero(carries)
    one, other = np.nonzero(bonds.second[beside][:, None] == bonds.first[carried])
    vectors = bonds.vectors[beside[one]] + bonds.vectors[carried[other]]
    distances = np.linalg.norm(vectors, axis=1)
    near = distances <= REACH
    return bonds.first[beside[one]][near], distances[near]
