"""Fragments: partly occupied sites that are present or absent together, and their images."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.disorder.exclusion import (
    are_alternative_groups,
    exclude,
    is_covalent_bond,
    overlap,
)
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen, is_placed
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.types import FloatArray, IntArray

FULL = 1e-3
"""How far from one an occupancy may be by rounding."""

_SAME_FRAGMENT = 3.5  # Å, between sites of one disorder group: the F of CF3 are not bonded
_ASSEMBLY_REACH = 6.0  # Å, between groups of one assembly: its label may be used elsewhere again
_BONDED = 1.7  # Å
_LONGEST_BOND = 2.4  # Å, between nonmetals
_EQUAL_OCCUPANCY = 0.01
_SAME_OCCUPANCY = 0.15  # refined freely, the occupancies of one fragment differ


def is_full(site: ListedSite) -> bool:
    """Return whether a site is occupied fully."""
    return site.occupancy >= 1 - FULL


@dataclass(frozen=True)
class Fragment:
    """Partly occupied sites without their hydrogen; a site in no disorder group is one by itself.

    Attributes
    ----------
    sites
        Indices of the listed sites.
    symbols
        Their elements, in alphabetical order.
    occupancy
        Their median occupancy.
    is_group
        Whether the file has them in a disorder group.
    """

    sites: tuple[int, ...]
    symbols: tuple[str, ...]
    occupancy: float
    is_group: bool = False


@dataclass(frozen=True, eq=False)
class FragmentImages:
    """The V images of all fragments in one cell.

    Attributes
    ----------
    fragments
        The fragments.
    owners : (V,)
        Fragment of each.
    atoms
        For each the images of its sites.
    moved : (G, V)
        Which of them each operation takes each to.
    exclusions
        Pairs of which at most one can be present.
    blocked
        Those that overlap a site that is occupied fully.
    """

    fragments: tuple[Fragment, ...]
    owners: IntArray
    atoms: tuple[frozenset[int], ...]
    moved: IntArray
    exclusions: frozenset[tuple[int, int]]
    blocked: frozenset[int]

    @classmethod
    def of(cls, images: Images) -> FragmentImages:
        """Find the fragments of a record and what excludes what."""
        fragments = find_fragments(images)
        owners: list[int] = []
        atoms: list[frozenset[int]] = []
        moved: list[IntArray] = []
        for index, fragment in enumerate(fragments):
            listed = np.array([images.of_site(site)[0] for site in fragment.sites])
            every = [frozenset(row) for row in images.moved[:, listed].tolist()]
            unique = list(dict.fromkeys([frozenset(listed.tolist()), *every]))
            moved.append(_move(images.moved, unique) + len(atoms))
            owners += [index] * len(unique)
            atoms += unique
        exclusions, blocked = _find_exclusions(images, atoms, owners)
        exclusions |= _find_assemblies(images, fragments, moved)
        empty = np.zeros((len(images.moved), 0), dtype=np.int64)
        return cls(
            fragments,
            np.array(owners, dtype=np.int64),
            tuple(atoms),
            np.concatenate([empty, *moved], axis=1),
            frozenset(exclusions),
            frozenset(blocked),
        )

    @property
    def occupancies(self) -> FloatArray:
        """The (V,) occupancy of each image."""
        return np.array([self.fragments[owner].occupancy for owner in self.owners])

    def neighbours(self) -> dict[int, set[int]]:
        """Return, for each image, those that exclude it."""
        found: dict[int, set[int]] = {image: set() for image in range(len(self.owners))}
        for i, j in self.exclusions:
            found[i].add(j)
            found[j].add(i)
        return found


def find_fragments(images: Images) -> tuple[Fragment, ...]:
    """Find the fragments: connected parts of disorder groups, and other partly occupied sites."""
    sites = images.record.sites
    partial = [
        index
        for index, site in enumerate(sites)
        if is_placed(site) and not is_full(site) and not is_hydrogen(site)
    ]
    grouped: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in partial:
        if sites[index].group:
            grouped[sites[index].assembly, sites[index].group].append(index)
    parts = [part for members in grouped.values() for part in _split(images, members)]
    parts += _join_bonded(images, [index for index in partial if not sites[index].group])
    return tuple(
        Fragment(
            tuple(part),
            tuple(sorted(sites[index].symbol for index in part)),
            float(np.median([sites[index].occupancy for index in part])),
            bool(sites[part[0]].group),
        )
        for part in sorted(parts)
    )


def _join_bonded(images: Images, members: list[int]) -> list[list[int]]:
    """Join sites in no group that are bonded and have one occupancy, such as parts of a solvent.

    Alternatives can be as far apart as bonded atoms: what would hold two of them is not joined.
    """
    from scipy.sparse.csgraph import connected_components

    sites = images.record.sites
    place = {index: k for k, index in enumerate(members)}
    bonds, rivals = np.zeros((2, len(members), len(members)), dtype=np.bool_)
    for i, j, distance in images.pairs(_LONGEST_BOND):
        k, m = (place.get(int(images.owners[atom])) for atom in (i, j))
        if k is None or m is None:
            continue
        first, second = sites[members[k]], sites[members[m]]
        same = abs(first.occupancy - second.occupancy) < _EQUAL_OCCUPANCY
        rivals[k, m] |= exclude(first, second, distance)
        bonds[k, m] |= k != m and same and is_covalent_bond(first, second, distance)
    count, part = connected_components(bonds, directed=False)
    parts = []
    for p in range(count):
        inside = np.flatnonzero(part == p)
        if rivals[np.ix_(inside, inside)].any():
            parts += [[members[k]] for k in inside]
        else:
            parts.append([members[k] for k in inside])
    return parts


def _split(images: Images, members: list[int]) -> list[list[int]]:
    """Split a group into parts that are bonded, or near each other with about one occupancy."""
    from scipy.sparse.csgraph import connected_components

    sites, cell = images.record.sites, images.record.cell
    frac = np.array([sites[index].position for index in members])
    apart = frac[:, None] - frac[None]
    apart -= np.round(apart)
    lengths = np.linalg.norm(apart @ cell, axis=2)
    occupancies = np.array([sites[index].occupancy for index in members])
    alike = np.abs(occupancies[:, None] - occupancies[None]) < _SAME_OCCUPANCY
    near = (lengths < _BONDED) | (alike & (lengths < _SAME_FRAGMENT))
    count, part = connected_components(near, directed=False)
    return [[members[k] for k in np.flatnonzero(part == p)] for p in range(count)]


def _move(moved: IntArray, sets: list[frozenset[int]]) -> IntArray:
    """Return which set of images each operation takes each set to."""
    number = {atoms: index for index, atoms in enumerate(sets)}
    listed = [np.array(sorted(atoms)) for atoms in sets]
    return np.array([[number[frozenset(row[a].tolist())] for a in listed] for row in moved])


def _find_assemblies(
    images: Images, fragments: tuple[Fragment, ...], moved: list[IntArray]
) -> set[tuple[int, int]]:
    """Find the groups of one named assembly, which exclude each other wherever they are."""
    sites, cell = images.record.sites, images.record.cell
    found: set[tuple[int, int]] = set()
    for (i, first), (j, second) in itertools.combinations(enumerate(fragments), 2):
        one, other = sites[first.sites[0]], sites[second.sites[0]]
        if not one.assembly or not are_alternative_groups(one, other):
            continue
        ours, theirs = (np.array([sites[k].position for k in f.sites]) for f in (first, second))
        apart = ours[:, None] - theirs[None]
        apart -= np.round(apart)
        if np.linalg.norm(apart @ cell, axis=2).min() < _ASSEMBLY_REACH:
            pairs = zip(moved[i][:, 0].tolist(), moved[j][:, 0].tolist(), strict=True)
            found |= {(min(pair), max(pair)) for pair in pairs}
    return found


def _find_exclusions(
    images: Images, atoms: list[frozenset[int]], owners: list[int]
) -> tuple[set[tuple[int, int]], set[int]]:
    holders: dict[int, list[int]] = defaultdict(list)
    for index, members in enumerate(atoms):
        for atom in members:
            holders[atom].append(index)
    exclusions: set[tuple[int, int]] = set()
    blocked: set[int] = set()
    for i, j, distance in images.pairs():
        first, second = images.site(i), images.site(j)
        if is_hydrogen(first) or is_hydrogen(second):
            continue
        if is_full(first) or is_full(second):
            if overlap(first, second, distance):
                blocked.update(holders[i] + holders[j])
            continue
        exclusions.update(
            (min(u, v), max(u, v))
            for u in holders[i]
            for v in holders[j]
            if j not in atoms[u]
            and i not in atoms[v]
            and exclude(first, second, distance, owners[u] == owners[v])
        )
    return exclusions, blocked
