"""What the cell of a record holds: its atoms by listed site, and the H that they carry already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.periodic_pairs import find_periodic_pairs
from aiida_hpaint.science.types import FloatArray, IntArray

REACH = 3.6
"""Largest distance of neighbours, Å: beyond it, bonds have less than 0.05 valence units."""

LONGEST_BOND_TO_H = 1.35
"""Largest distance (Å) of an H from the atom that carries it: half a symmetric hydrogen bond in
the least precise work."""


@dataclass(frozen=True)
class CellContent:
    """Atoms of the whole cell of a record.

    Attributes
    ----------
    host
        The cell, a batch of one structure.
    labels : (n,) strings
        Label of the listed site of each atom.
    """

    host: StructureBatch
    labels: tuple[str, ...]

    @classmethod
    def from_host(cls, host: StructureBatch) -> CellContent:
        """Take the labels of the listed sites from the metadata of a host.

        Where there are none, atoms are named by element and number: Mg1, O1, O2.
        """
        names = host.metadata[0].get("site_labels")
        if names is None or len(names) != host.n_sites:
            numbers = Counter[int]()
            names = []
            for number in host.numbers.tolist():
                numbers[number] += 1
                names.append(f"{get_symbol(number)}{numbers[number]}")
        return cls(host, tuple(map(str, names)))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Element of each atom; isotopes are H."""
        return tuple(get_symbol(number) for number in self.host.numbers.tolist())

    @cached_property
    def composition(self) -> Mapping[str, int]:
        """Number of atoms of each element in the cell."""
        return Counter(self.symbols)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Number of atoms of each listed site in the cell."""
        return Counter(self.labels)

    @cached_property
    def elements(self) -> Mapping[str, str]:
        """Element of each listed site."""
        return dict(zip(self.labels, self.symbols, strict=True))

    @cached_property
    def neighbours(self) -> tuple[IntArray, IntArray, FloatArray]:
        """First and second atom, in both orders, and distance (Å) of pairs within `REACH`."""
        return find_periodic_pairs(self.host.frac_coords, self.host.cells[0], REACH)

    @cached_property
    def hydrogens(self) -> Mapping[str, float]:
        """Mean number of listed H on each atom of a listed site, for the sites that have any."""
        first, second, distances = self.neighbours
        is_h = self.host.numbers == 1
        bonds = is_h[first] & ~is_h[second] & (distances <= LONGEST_BOND_TO_H)
        nearest: dict[int, tuple[float, int]] = {}
        for h, other, distance in zip(
            first[bonds].tolist(), second[bonds].tolist(), distances[bonds].tolist(), strict=True
        ):
            nearest[h] = min(nearest.get(h, (np.inf, -1)), (distance, other))
        carried = Counter(self.labels[other] for _, other in nearest.values())
        return {label: count / self.counts[label] for label, count in carried.items()}

    def count_listed(self, symbol: str) -> int:
        """Return how many atoms of an element the cell holds."""
        return self.composition.get(symbol, 0)
