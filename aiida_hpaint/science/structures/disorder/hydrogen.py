"""Partly occupied hydrogen: what belongs to the chosen components, and what is set aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.science.structures.disorder.exclusion import (
    GROUP_REACH,
    are_alternative_groups,
    exclude,
)
from aiida_hpaint.science.structures.disorder.fragments import FULL, is_full
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen, is_placed
from aiida_hpaint.science.structures.disorder.linked import number_linked
from aiida_hpaint.science.structures.disorder.relisting import relist
from aiida_hpaint.science.structures.disorder.selection import select
from aiida_hpaint.science.structures.records import Record
from aiida_hpaint.science.types import FloatArray, IntArray

_BOND = 1.35
"""Longest distance (Å) of an H from the atom that carries it."""

_USUAL_BOND = 0.95  # Å, of H located with X-rays or placed by a riding model
_OTHER_OCCUPANCY = 0.3  # Å of bond length that an occupancy unlike the carrier's weighs
_ALTERNATIVES_ON_ATOM = 1.6  # Å between H of different groups on one atom
_SAME = 0.9  # ratio of occupancies from which on an H is present whenever its carrier is
_POWER = 4
_OPEN = 0.1  # part of an H up to which an atom has none
_ROUNDED = 0.45  # part of an H that rounding may hide: one half is a choice


@dataclass(frozen=True)
class SetAside:
    """Hydrogen that is left to be restored, since symmetry gives several places to each atom.

    Attributes
    ----------
    labels
        Of the sites that were listed.
    count
        Number of H atoms in the cell.
    carriers
        Label of each atom that carries some, and how many: a whole number where it is known.
    """

    labels: tuple[str, ...]
    count: int
    carriers: dict[str, float]


def find_carriers(images: Images) -> dict[int, set[int]]:
    """Find the atoms that carry each H image; several where symmetry puts it between them."""
    near: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for i, j, distance in images.pairs(_BOND):
        near[i].append((j, distance))
        near[j].append((i, distance))
    carriers: dict[int, set[int]] = defaultdict(set)
    for index, site in enumerate(images.record.sites):
        if not is_placed(site) or not is_hydrogen(site):
            continue
        listed = int(images.of_site(index)[0])
        scored = [
            (_score(images, listed, other, distance), other)
            for other, distance in near[listed]
            if not is_hydrogen(images.site(other))
            and not are_alternative_groups(site, images.site(other))
        ]
        if scored:
            carrier = min(scored)[1]
            for image, carried_by in images.moved[:, [listed, carrier]].tolist():
                carriers[image].add(carried_by)
    return carriers


def _score(images: Images, hydrogen: int, other: int, distance: float) -> float:
    first, second = images.site(hydrogen), images.site(other)
    same_group = first.group and (first.assembly, first.group) == (second.assembly, second.group)
    unlike = (
        0.0 if same_group or is_full(second) else abs(first.occupancy - second.occupancy) > 0.02
    )
    return abs(distance - _USUAL_BOND) + _OTHER_OCCUPANCY * unlike


def keep_hydrogens(images: Images, kept: set[int]) -> dict[int, float]:
    """Return the H images that go with the chosen other atoms, and their occupancies then.

    Parameters
    ----------
    images : Images
        Those of the disordered record.
    kept : set
        The images of other elements that are kept.
    """
    carriers = find_carriers(images)
    near: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for i, j, distance in images.pairs(GROUP_REACH):
        if i in kept:
            near[j].append((i, distance))
        if j in kept:
            near[i].append((j, distance))
    found: dict[int, float] = {}
    for image in np.flatnonzero(images.are_hydrogen).tolist():
        site, carrying = images.site(image), carriers.get(image, set())
        if carrying and not carrying & kept:
            continue
        others = [(images.site(j), d) for j, d in near[image] if j not in carrying]
        if not is_full(site) and any(exclude(site, other, d) for other, d in others):
            continue
        if any(are_alternative_groups(site, other) and not is_full(other) for other, _ in others):
            continue
        most = max((images.site(j).occupancy for j in carrying & kept), default=1.0)
        ratio = min(1.0, site.occupancy / most)
        found[image] = 1.0 if ratio >= (_SAME if most < 1 - FULL else 1 - FULL) else ratio
    return found


def choose_hydrogens(
    images: Images, occupancies: Mapping[int, float], priorities: FloatArray
) -> IntArray:
    """Choose partly occupied H images one by one, whatever symmetry they break.

    Parameters
    ----------
    images : Images
        Those of the disordered record.
    occupancies : mapping
        Occupancy of each image that may be present; those with 1 are.
    priorities : (A,)
        Between 0 and 1, for each image: what is preferred among equals.

    Returns
    -------
    (a,)
        All images that are present, in ascending order.
    """
    carriers = find_carriers(images)
    partial = [image for image, occupancy in occupancies.items() if occupancy < 1.0]
    number = {image: k for k, image in enumerate(partial)}
    on_atom: dict[int, dict[int, float]] = defaultdict(dict)
    sums: dict[int, float] = defaultdict(float)
    around = {image: occupancies[image] for image in partial}
    for image in partial:
        for atom in carriers.get(image, ()):
            on_atom[atom][number[image]] = 1.0
            sums[atom] += occupancies[image] / len(carriers[image])
    exclusions, taken = [], set[int]()
    for i, j in _find_exclusions(images, carriers):
        if i in number and j in number:
            exclusions.append((number[i], number[j]))
            around[i] += occupancies[j]
            around[j] += occupancies[i]
        elif i in occupancies and j in occupancies:
            taken |= {i, j}
    weights = np.zeros(len(partial))
    for image, k in number.items():
        most = max([around[image], *(sums[atom] for atom in carriers.get(image, ()))])
        if most >= 0.5 - FULL and image not in taken:
            weights[k] = occupancies[image] ** _POWER * (1 + 0.1 * priorities[image])
    capacities = [(counts, float(np.ceil(sums[a] - _OPEN))) for a, counts in on_atom.items()]
    chosen = [partial[k] for k in select(weights, exclusions, capacities) if weights[k] > 0]
    present = [image for image, occupancy in occupancies.items() if occupancy == 1.0]
    return np.array(sorted(present + chosen), dtype=np.int64)


def order_hydrogens(record: Record) -> tuple[Record, list[SetAside], list[str]]:
    """Order partly occupied H where the symmetry of a record allows it, and set aside the rest.

    Returns
    -------
    record : Record
        With only fully occupied H.
    aside : list of SetAside
        What is to be restored.
    dropped : list of str
        Labels of the H sites that are empty in the ordered record.
    """
    images = Images.of(record)
    partial = [i for i, s in enumerate(record.sites) if is_placed(s) and not is_full(s)]
    if not partial:
        return record, [], []
    carriers = find_carriers(images)
    exclusions = _find_exclusions(images, carriers)
    chosen: set[int] = set()
    removed: set[int] = set()
    aside: list[SetAside] = []
    for members in _connect(images, partial, carriers, exclusions):
        sites = _choose(images, members, carriers, exclusions)
        removed.update(set(members) - set(sites))
        left = _count_left(images, members, sites, carriers)
        if left:
            others = tuple(images.record.sites[i].label for i in members if i not in sites)
            aside.append(SetAside(others, left, {}))
            chosen.update(sites)
        elif _is_complete(images, members, sites, carriers):
            chosen.update(sites)
        else:
            aside.append(_set_aside(images, members, carriers))
            removed.update(members)
    dropped = [record.sites[i].label for i in sorted(removed)]
    dropped = [label for label in dropped if not any(label in each.labels for each in aside)]
    occupancies = {
        image: 1.0
        for image, owner in enumerate(images.owners.tolist())
        if owner in chosen or owner not in partial
    }
    ordered = relist(images, occupancies, np.arange(len(record.operations)))
    return _attach(ordered, aside), aside, dropped


def _find_exclusions(images: Images, carriers: dict[int, set[int]]) -> set[tuple[int, int]]:
    found = set()
    for i, j, distance in images.pairs(_ALTERNATIVES_ON_ATOM):
        first, second = images.site(i), images.site(j)
        if not is_hydrogen(first) or not is_hydrogen(second):
            continue
        same_atom = bool(carriers.get(i, set()) & carriers.get(j, set()))
        if exclude(first, second, distance) or (
            same_atom and are_alternative_groups(first, second)
        ):
            found.add((i, j))
    return found


def _connect(
    images: Images,
    partial: list[int],
    carriers: dict[int, set[int]],
    exclusions: set[tuple[int, int]],
) -> list[list[int]]:
    """Group the partly occupied sites that exclude each other or are on the same atoms."""
    owner = images.owners
    links = [(owner[i], owner[j]) for i, j in exclusions]
    on_atom: dict[int, int] = {}
    for image, atoms in carriers.items():
        if owner[image] in partial:
            links += [
                (on_atom.setdefault(int(owner[a]), owner[image]), owner[image]) for a in atoms
            ]
    parts = number_linked(len(images.record.sites), links)
    found: dict[int, list[int]] = defaultdict(list)
    for site in partial:
        found[int(parts[site])].append(site)
    return list(found.values())


def _choose(
    images: Images,
    members: list[int],
    carriers: dict[int, set[int]],
    exclusions: set[tuple[int, int]],
) -> list[int]:
    """Choose sites, each with all its images, without more H on any atom than there are."""
    sites = images.record.sites
    own = {site: images.of_site(site) for site in members}
    number = {int(image): k for k, site in enumerate(members) for image in own[site]}
    around = {image: sites[members[k]].occupancy for image, k in number.items()}
    for i, j in exclusions:
        for one, other in ((i, j), (j, i)):
            if one in number:
                around[one] += images.site(other).occupancy
    weights = np.array([sites[s].occupancy ** _POWER * len(own[s]) for s in members])
    weights += 1e-6 * np.arange(len(members), 0, -1)
    on_atom: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    sums = _count_on_atoms(images, members, carriers)
    for image, k in number.items():
        for atom in carriers.get(image, ()):
            on_atom[atom][k] += 1
            around[image] = max(around[image], sums[atom])
    weights *= [around[int(own[s][0])] >= 0.5 - FULL for s in members]
    capacities = [(counts, float(np.ceil(sums[a] - _OPEN))) for a, counts in on_atom.items()]
    pairs = {(number[i], number[j]) for i, j in exclusions if i in number and j in number}
    # An H that stays as it is excludes those too close to it.
    pairs |= {
        (number[a], number[a])
        for i, j in exclusions
        for a, b in ((i, j), (j, i))
        if a in number and b not in number and is_full(images.site(b))
    }
    chosen = select(weights, pairs, capacities)
    return [members[k] for k in chosen if weights[k] > 0]


def _is_complete(
    images: Images, members: list[int], chosen: list[int], carriers: dict[int, set[int]]
) -> bool:
    """Return whether each atom has the number of H that the occupancies give, rounded."""
    sums = _count_on_atoms(images, members, carriers)
    counts: dict[int, float] = defaultdict(float)
    for site in chosen:
        for image in images.of_site(site).tolist():
            for atom in carriers.get(image, ()):
                counts[atom] += 1 / len(carriers[image])
    return all(abs(counts[atom] - total) <= _ROUNDED for atom, total in sums.items())


def _count_left(
    images: Images, members: list[int], chosen: list[int], carriers: dict[int, set[int]]
) -> int:
    """Return how many H the chosen sites lack where no atom carries them, as among metals."""
    own = {site: images.of_site(site).tolist() for site in members}
    if set(chosen) == set(members) or any(carriers.get(i) for all_ in own.values() for i in all_):
        return 0
    total = sum(images.record.sites[site].occupancy * len(own[site]) for site in members)
    return max(0, round(total - sum(len(own[site]) for site in chosen)))


def _count_on_atoms(
    images: Images, members: list[int], carriers: dict[int, set[int]]
) -> dict[int, float]:
    """Return how many H some sites put on each atom, by their occupancies."""
    sums: dict[int, float] = defaultdict(float)
    for site in members:
        for image in images.of_site(site).tolist():
            for atom in carriers.get(image, ()):
                sums[atom] += images.record.sites[site].occupancy / len(carriers[image])
    return sums


def _set_aside(images: Images, members: list[int], carriers: dict[int, set[int]]) -> SetAside:
    sums = _count_on_atoms(images, members, carriers)
    sites = images.record.sites
    total = sum(sites[site].occupancy * len(images.of_site(site)) for site in members)
    by_label = {images.site(atom).label: count for atom, count in sums.items()}
    labels = tuple(sites[site].label for site in members)
    return SetAside(labels, round(total), by_label)


def _attach(record: Record, aside: list[SetAside]) -> Record:
    """Note on the carriers how many H they lack, where these are whole numbers."""
    counts: dict[str, float] = defaultdict(float)
    for each in aside:
        for label, count in each.carriers.items():
            counts[label] += count
    whole = {label: round(n) for label, n in counts.items() if abs(n - round(n)) < 0.05}
    sites = tuple(
        replace(site, attached_hydrogens=(site.attached_hydrogens or 0) + whole[site.label])
        if site.label in whole
        else site
        for site in record.sites
    )
    return replace(record, sites=sites)
