"""Answers: finished candidates beside the hosts that they were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from aiida_hpaint.science.plausibility.carriers import NONMETALS, find_carriers
from aiida_hpaint.science.plausibility.contacts import Contacts, find_contacts
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

__all__ = ["Answer", "Finding", "Pairs", "find_pairs", "list_names", "make_answer"]

REACH = 1.7
"""Largest distance of pairs, relative to the sum of covalent radii."""

_NAMED = 3
"""Number of sites that a finding lists by name."""


@dataclass(frozen=True)
class Finding:
    """What a check found out about an answer.

    Attributes
    ----------
    name
        What is the matter, in a few words for tables.
    detail
        The sites and values.
    fails
        Whether the answer fails; otherwise this is a notice.
    """

    name: str
    detail: str
    fails: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


@dataclass(frozen=True)
class Pairs:
    """P pairs of sites of a structure, with periodic images, listed once.

    Attributes
    ----------
    first, second : (P,)
        Sites, the first of which is not the later one.
    image : (P, 3)
        Lattice translation of the second site.
    distance, ratio : (P,)
        In Å, and relative to the sum of covalent radii.
    """

    first: IntArray
    second: IntArray
    image: IntArray
    distance: FloatArray
    ratio: FloatArray


@dataclass(frozen=True, eq=False)
class Answer:
    """A finished candidate and the host it was made from, in the same cell but for its strain.

    Attributes
    ----------
    host
        One structure of n sites: those of the host, where it had them before.
    structure
        One structure: the candidate, whose first n sites are those of the host.
    parents : (m,)
        Site that carries each inserted site by the budget, -1 where nobody knows.
    """

    host: StructureBatch
    structure: StructureBatch
    parents: IntArray

    @cached_property
    def relaxed_host(self) -> StructureBatch:
        """The sites of the host where the candidate has them."""
        frac = self.structure.frac_coords[: self.host.n_sites]
        return replace(self.host, frac_coords=frac, cells=self.structure.cells)

    @cached_property
    def pairs(self) -> Pairs:
        """Pairs of sites of the host, where the candidate has them."""
        return find_pairs(self.relaxed_host)

    @cached_property
    def pairs_before(self) -> Pairs:
        """Pairs of sites of the host, where it had them before."""
        return find_pairs(self.host)

    @cached_property
    def contacts(self) -> Contacts:
        """Contacts of all inserted sites and of all H, also those of the host."""
        moved = self.structure.inserted | (self.structure.numbers == 1)
        return find_contacts(replace(self.structure, inserted=moved), np.array([0]))

    @cached_property
    def carriers(self) -> IntArray:
        """(n,) carrier of each H of the candidate, -1 without any; -2 for other elements."""
        carriers = np.full(self.structure.n_sites, -2, dtype=np.int64)
        carriers[self.contacts.inserted] = find_carriers(self.contacts)[0]
        carriers[self.structure.numbers != 1] = -2
        return carriers

    @cached_property
    def shifts(self) -> FloatArray:
        """(n, 3) displacements of the sites of the host in Å, without drift and strain."""
        moved = self.structure.frac_coords[: self.host.n_sites] - self.host.frac_coords
        shifts: FloatArray = (moved - np.round(moved)) @ self.host.cells[0]
        heavy = self.host.numbers != 1
        return shifts - (shifts[heavy].mean(0) if heavy.any() else 0.0)

    @cached_property
    def is_nonmetal(self) -> BoolArray:
        """(n,) whether each site is a nonmetal or metalloid other than H."""
        return np.isin(self.structure.numbers, NONMETALS)

    def name(self, site: int) -> str:
        """Return the label of a site in the file of its host, or its element and place."""
        labels = self.host.metadata[0].get("site_labels") or ()
        if site < len(labels):
            return str(labels[site])
        return f"{get_symbol(int(self.structure.numbers[site]))}{site + 1}"

    def list_sites(self, sites: Iterable[int]) -> str:
        """Return the names of sites as text, those of equivalent ones once with their number."""
        return list_names(self.name(site) for site in sites)


def list_names(names: Iterable[str]) -> str:
    """Return names as text; repeated ones once with their number, and only the first few."""
    counts = Counter(names)
    shown = [f"{name} ({n} times)" if n > 1 else name for name, n in counts.most_common(_NAMED)]
    more = len(counts) - _NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def make_answer(host: StructureBatch, candidate: StructureBatch) -> Answer:
    """Make an answer of a candidate and its host, each a batch of one structure.

    Parameters
    ----------
    host
        The host, with or without the sites to insert; these are left out.

    Raises
    ------
    ValueError
        If the host sites of the two differ in number or element.
    """
    sites = ~host.inserted
    order = np.argsort(candidate.inserted, kind="stable")
    ordered = replace(
        candidate,
        numbers=candidate.numbers[order],
        frac_coords=candidate.frac_coords[order],
        inserted=candidate.inserted[order],
    )
    bare = replace(
        host,
        site_counts=np.array([sites.sum()]),
        numbers=host.numbers[sites],
        frac_coords=host.frac_coords[sites],
        inserted=host.inserted[sites],
    )
    if not np.array_equal(bare.numbers, ordered.numbers[: bare.n_sites]):
        raise ValueError(f"{candidate.labels[0]}: its candidate has other sites than the host")
    parents = read_parents(candidate)
    known = parents != UNKNOWN
    parents[known] = np.argsort(order)[parents[known]]
    return Answer(bare, ordered, parents)


def find_pairs(structure: StructureBatch, reach: float = REACH) -> Pairs:
    """Find all pairs of sites of one structure within a multiple of the sums of the radii."""
    atoms = Atoms(
        structure.numbers, positions=structure.cart_coords, cell=structure.cells[0], pbc=True
    )
    radii = covalent_radii[structure.numbers]
    first, second, image, distance = neighbor_list("ijSd", atoms, reach * radii)
    # Each pair is found from both sides; of an atom and its own image one side counts, too.
    forward = (image @ [1e6, 1e3, 1.0]) > 0
    once = (first < second) | ((first == second) & forward)
    ratio = distance / (radii[first] + radii[second])
    return Pairs(first[once], second[once], image[once], distance[once], ratio[once])
