"""Tables of one answer: bonds of H, hydrogen bonds, bond valences, displacements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.bond_lengths import SOFTNESS, find_bond_length
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.valences import VALENCES, find_bond_valences
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.types import FloatArray

__all__ = ["Displacement", "ValenceRow", "list_displacements", "list_valences"]


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
    """

    label: str
    without: float
    total: float
    expected: float

    @property
    def is_off(self) -> bool:
        """Whether the sum is off by more than a fifth of what is expected, at least 0.25."""
        return abs(self.total - self.expected) > max(0.25, 0.2 * self.expected)


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


def list_valences(crystal: RestoredCrystal) -> list[ValenceRow]:
    """Return the bond-valence sums of cations and of O, N and C, in the order of the sites.

    Oxidation states of cations are those that their bonds fit best. Sites of elements that no
    parameters are known for are left out, and so are other anions and H.
    """
    structure = crystal.structure
    cell = CellContent.from_host(_without_labels(structure))
    found = find_bond_valences(cell)
    to_hydrogen = _sum_valences_of_hydrogen(cell)
    rows = []
    for site in crystal.sites:
        index = int(site.members[0])
        symbol = get_symbol(int(structure.numbers[index]))
        if symbol in VALENCES and found.sums[index]:
            bare = float(found.sums[index])
            rows.append(ValenceRow(site.label, bare, bare + to_hydrogen[index], VALENCES[symbol]))
        elif found.to_anions[index] > 0 and found.states[index] > 0:
            total = float(found.to_anions[index])
            rows.append(ValenceRow(site.label, total, total, float(found.states[index])))
    return rows


def _without_labels(structure: StructureBatch) -> StructureBatch:
    """Return a structure whose metadata do not name the sites of its host."""
    from dataclasses import replace

    return replace(structure, metadata=({},))


def _sum_valences_of_hydrogen(cell: CellContent) -> FloatArray:
    """Return (n,) the sum of valences of the bonds of each O, N and C to H."""
    first, second, distances = cell.neighbours
    symbols = np.array(cell.symbols)
    sums = np.zeros(len(symbols))
    for symbol in VALENCES:
        length = find_bond_length("H", 1.0, symbol)
        chosen = (symbols[first] == symbol) & (symbols[second] == "H")
        valences = np.exp((length - distances[chosen]) / SOFTNESS)
        sums += np.bincount(first[chosen], valences, len(symbols))
    return sums
