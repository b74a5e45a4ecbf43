"""The main component of each disordered site, with as much symmetry as it can have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from aiida_hpaint.science.structures.disorder.fragments import FULL, FragmentImages
from aiida_hpaint.science.structures.disorder.images import Images
from aiida_hpaint.science.structures.disorder.linked import group_linked, number_linked
from aiida_hpaint.science.structures.disorder.selection import select
from aiida_hpaint.science.structures.disorder.subgroups import find_largest_subgroup
from aiida_hpaint.science.types import IntArray

_CROWDED = 2.4  # Å: closer atoms of two fragments are chosen together only if nothing else fits
_CROWDING = 1e-3
_ORDER = 1e-5  # prefers what the file lists first among equals
_POWER = 4  # so that one main component outweighs two lesser ones that exclude it together


def choose_main_components(images: Images, fragments: FragmentImages) -> tuple[IntArray, IntArray]:
    """Choose one image of each main component.

    A place is left empty where the occupancies of all its alternatives add up to half or less.

    Returns
    -------
    chosen : (v,)
        The chosen images of fragments.
    subgroup : (g,)
        The operations of a largest subgroup that keeps the choice.
    """
    everything = np.arange(len(images.moved))
    crowding = find_crowding(images, fragments)
    neighbours = fragments.neighbours()
    owners = _choose_fragments(fragments, neighbours, crowding)
    candidates = np.flatnonzero(np.isin(fragments.owners, owners))
    inside = set(candidates.tolist())
    if not any(neighbours[image] & inside for image in inside):
        return candidates, everything
    most = len(_choose_images(fragments, candidates, everything[:0], {}))

    def is_allowed(subgroup: IntArray) -> bool:
        return len(_choose_images(fragments, candidates, subgroup, {})) == most

    subgroup = find_largest_subgroup(images.record.operations, is_allowed)
    chosen = _choose_images(fragments, candidates, subgroup, crowding)
    return chosen, find_stabilizer(fragments, chosen)


def find_stabilizer(fragments: FragmentImages, chosen: IntArray) -> IntArray:
    """Return the operations that map a choice of images of fragments onto itself."""
    kept = [set(row[chosen].tolist()) == set(chosen.tolist()) for row in fragments.moved]
    return np.flatnonzero(kept).astype(np.int64)


def find_crowding(images: Images, fragments: FragmentImages) -> dict[tuple[int, int], float]:
    """Return what it costs to choose both images of pairs that are close without excluding."""
    holders = defaultdict(list)
    for index, atoms in enumerate(fragments.atoms):
        for atom in atoms:
            holders[atom].append(index)
    cost: dict[tuple[int, int], float] = defaultdict(float)
    for i, j, distance in images.pairs(_CROWDED):
        for u in holders.get(i, ()):
            for v in holders.get(j, ()):
                if u != v and (min(u, v), max(u, v)) not in fragments.exclusions:
                    cost[min(u, v), max(u, v)] += _CROWDING * (1 - distance / _CROWDED)
    return cost


def find_rivals(
    fragments: FragmentImages, neighbours: dict[int, set[int]]
) -> tuple[dict[int, float], set[tuple[int, int]]]:
    """Find the shares of fragments, and which of them cannot both be there.

    The share of a fragment is the part of the crystal that has any of the images that exclude
    each other. Two fragments are rivals where one image of one leaves no image of the other.

    Returns
    -------
    shares
        For each fragment.
    rivals
        Pairs of fragments.
    """
    owners, occupancies = fragments.owners, fragments.occupancies
    shares: dict[int, float] = {}
    rivals: set[tuple[int, int]] = set()
    for image in np.unique(owners, return_index=True)[1].tolist():
        owner = int(owners[image])
        own = [other for other in neighbours[image] if owners[other] == owner]
        shares[owner] = min(1.0, float(occupancies[image]) * (1 + len(own)))
        for other in neighbours[image] - set(own):
            place = {other} | {v for v in neighbours[other] if owners[v] == owners[other]}
            if place <= neighbours[image]:
                rivals.add((min(owner, owners[other]), max(owner, owners[other])))
    return shares, {(int(i), int(j)) for i, j in rivals}


def _choose_fragments(
    fragments: FragmentImages,
    neighbours: dict[int, set[int]],
    crowding: dict[tuple[int, int], float],
) -> IntArray:
    """Choose fragments such that an image of each can be present at each of its places."""
    owners, occupancies = fragments.owners, fragments.occupancies
    shares, rivals = find_rivals(fragments, neighbours)
    strengths = _find_strengths(fragments, shares, rivals)
    weights = np.zeros(len(fragments.fragments))
    for image in np.unique(owners, return_index=True)[1].tolist():
        owner = int(owners[image])
        around = occupancies[image] + sum(occupancies[other] for other in neighbours[image])
        if around > 0.5 + FULL and image not in fragments.blocked:
            places = np.sum(owners == owner) * occupancies[image] / shares[owner]
            weights[owner] = places * strengths[owner] ** _POWER
            weights[owner] += _ORDER * (1 - owner / len(weights))
    costs: dict[tuple[int, int], float] = defaultdict(float)
    for (u, v), cost in crowding.items():
        if owners[u] != owners[v]:
            costs[min(owners[u], owners[v]), max(owners[u], owners[v])] += cost
    penalties = [(i, j, cost) for (i, j), cost in costs.items()]
    chosen = select(weights, rivals, _find_capacities(fragments, shares), penalties)
    main = chosen[weights[chosen] > 0]
    return np.sort(np.concatenate([main, _share_ties(fragments, neighbours, main)]))


def _find_strengths(
    fragments: FragmentImages, shares: dict[int, float], rivals: set[tuple[int, int]]
) -> dict[int, float]:
    """Return the shares, but for groups that the file does not say to be larger than a rival.

    A group that excludes its own images has a larger share than another of the same occupancy,
    which would have a place at each of them.
    """
    strengths = dict(shares)
    for pair in rivals:
        for one, other in (pair, pair[::-1]):
            larger, smaller = fragments.fragments[one], fragments.fragments[other]
            both = larger.is_group and smaller.is_group
            if both and larger.occupancy >= smaller.occupancy - FULL:
                strengths[other] = min(strengths[other], shares[one])
    return strengths


def _share_ties(
    fragments: FragmentImages, neighbours: dict[int, set[int]], main: IntArray
) -> IntArray:
    """Choose every other one of equal fragments whose places are empty as often as not."""
    owners, occupancies = fragments.owners, fragments.occupancies
    equal: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for image in np.unique(owners, return_index=True)[1].tolist():
        owner = int(owners[image])
        around = occupancies[image] + sum(occupancies[other] for other in neighbours[image])
        is_free = not any(owners[other] in main for other in neighbours[image])
        if abs(around - 0.5) <= FULL and is_free and image not in fragments.blocked:
            kind = (fragments.fragments[owner].symbols, int(np.sum(owners == owner)))
            equal[kind].append(owner)
    taken = [owner for group in equal.values() for owner in group[: len(group) // 2]]
    return np.array(taken, dtype=np.int64)


def find_competing(fragments: FragmentImages) -> list[list[int]]:
    """Group the fragments that exclude each other, also in chains."""
    owners, count = fragments.owners, len(fragments.fragments)
    return group_linked(count, [(owners[i], owners[j]) for i, j in fragments.exclusions])


def _find_capacities(
    fragments: FragmentImages, shares: dict[int, float]
) -> list[tuple[dict[int, float], float]]:
    """Return, for fragments that exclude each other in chains, how many of them there are."""
    images = np.bincount(fragments.owners, minlength=len(fragments.fragments))
    found = []
    for members in find_competing(fragments):
        occupancies = {f: fragments.fragments[f].occupancy for f in members}
        places = {f: images[f] * occupancies[f] / shares[f] for f in members}
        total = sum(images[f] * occupancies[f] for f in members)
        most = float(max(places.values()))
        found.append((places, most * max(1.0, np.floor(total / most + 0.5))))
    return found


def _choose_images(
    fragments: FragmentImages,
    candidates: IntArray,
    subgroup: IntArray,
    crowding: dict[tuple[int, int], float],
) -> IntArray:
    """Choose as many candidates as possible so that a subgroup (if empty: P1) keeps the choice."""
    orbits = _find_orbits(fragments.moved[subgroup], candidates)
    number = dict(zip(candidates.tolist(), orbits.tolist(), strict=True))
    members = [candidates[orbits == orbit] for orbit in range(orbits.max() + 1)]
    firsts = set(np.unique(fragments.owners, return_index=True)[1].tolist())
    weights = np.array([float(len(each)) for each in members])
    weights += [_ORDER * len(firsts & set(each.tolist())) for each in members]
    exclusions = _between(fragments.exclusions, number)
    costs = _between(crowding, number)
    penalties = [(i, j, crowding[pair]) for (i, j), pair in costs.items() if i != j]
    chosen = select(weights, exclusions, penalties=penalties)
    return np.sort(np.concatenate([members[orbit] for orbit in chosen] or [candidates[:0]]))


def _between(
    pairs: Iterable[tuple[int, int]], number: dict[int, int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the pairs of orbits that pairs of images stand for, with one of the latter."""
    return {(number[i], number[j]): (i, j) for i, j in pairs if i in number and j in number}


def _find_orbits(moved: IntArray, candidates: IntArray) -> IntArray:
    """Return the number of the orbit that each candidate is in."""
    rows = np.concatenate([candidates, np.tile(candidates, len(moved))])
    columns = np.concatenate([candidates, moved[:, candidates].ravel()])
    parts = number_linked(moved.shape[1], np.stack([rows, columns], axis=1))[candidates]
    return np.asarray(np.unique(parts, return_inverse=True)[1])
