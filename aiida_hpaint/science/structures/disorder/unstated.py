"""Alternatives that a file lists as fully occupied, where its formula tells that they are not."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from aiida_hpaint.science.structures.disorder.composition import read_formula
from aiida_hpaint.science.structures.disorder.exclusion import (
    are_alternative_groups,
    is_covalent_bond,
    overlap,
)
from aiida_hpaint.science.structures.disorder.fragments import is_full
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen, is_placed
from aiida_hpaint.science.structures.disorder.linked import number_linked
from aiida_hpaint.science.structures.records import Record

_PRIMES = re.compile(r"['`*]")
_FITTING = 0.005  # part of the atoms by which a formula may differ from sites that it explains
_REACH = 1.5  # Å, of atoms that overlap
_LONGEST_BOND = 2.4  # Å, between nonmetals
_HYDROGEN_BOND = 1.2


def share_unstated(record: Record) -> Record:
    """Give equal shares to alternatives that overlap and have no occupancies.

    Such are disorder groups; rows with a primed label (C1 and C1'), and molecules that overlap
    their own images, if the formula then fits the sites.
    """
    images = Images.of(record)
    pairs = [
        (int(images.owners[i]), int(images.owners[j]))
        for i, j, distance in images.pairs(_REACH)
        if is_full(images.site(i))
        and is_full(images.site(j))
        and overlap(images.site(i), images.site(j), distance)
    ]
    if not pairs:
        return record
    grouped = _share_between_groups(record, pairs)
    if grouped is not None:
        return grouped
    before = find_misfit(record)
    for attempt in (_share_primed(record, pairs), _share_with_images(images, pairs)):
        after = None if attempt is None else find_misfit(attempt)
        if attempt and before is not None and after is not None and after < min(_FITTING, before):
            return attempt
    return record


def find_misfit(record: Record) -> float | None:
    """Return the part of the atoms, without hydrogen, by which formula and sites differ.

    None where there is no formula.
    """
    formula = read_formula(record)
    if not formula:
        return None
    images = Images.of(record)
    counts: dict[str, float] = defaultdict(float)
    for owner in images.owners.tolist():
        site = record.sites[owner]
        if not is_hydrogen(site):
            counts[site.symbol] += site.occupancy
    formula.pop("H", None)
    if not formula or not counts:
        return None
    units = sum(counts.values()) / sum(formula.values())
    elements = {*formula, *counts}
    off = sum(abs(counts.get(e, 0.0) - units * formula.get(e, 0.0)) for e in elements)
    return off / sum(counts.values())


def _share_between_groups(record: Record, pairs: list[tuple[int, int]]) -> Record | None:
    assemblies = {
        record.sites[i].assembly
        for i, j in pairs
        if are_alternative_groups(record.sites[i], record.sites[j])
    }
    groups: dict[str, set[str]] = defaultdict(set)
    for site in record.sites:
        if site.group and site.assembly in assemblies:
            groups[site.assembly].add(site.group)
    if not groups:
        return None
    sites = tuple(
        replace(site, occupancy=1 / len(groups[site.assembly]))
        if site.group and site.assembly in groups and is_full(site)
        else site
        for site in record.sites
    )
    notes = [
        f"Disorder groups {', '.join(sorted(members))}"
        f"{f' of assembly {name}' if name else ''} have no occupancies and overlap: equal shares "
        "are assumed"
        for name, members in groups.items()
    ]
    return replace(record, sites=sites, notes=(*record.notes, *notes))


def _share_primed(record: Record, pairs: list[tuple[int, int]]) -> Record | None:
    """Make two groups of rows with and without primes in their labels."""
    labels = {site.label for site in record.sites}
    bare = {s.label: _PRIMES.sub("", s.label) for s in record.sites if _PRIMES.search(s.label)}
    primed = {label for label, name in bare.items() if name in labels}
    if not any({record.sites[i].label, record.sites[j].label} & primed for i, j in pairs):
        return None
    group = {**{bare[label]: "1" for label in primed}, **dict.fromkeys(primed, "2")}
    sites = tuple(
        replace(site, occupancy=0.5, assembly="primes", group=group[site.label])
        if site.label in group and is_placed(site)
        else site
        for site in record.sites
    )
    note = (
        f"{', '.join(sorted(primed))} overlap the sites without primes and have no occupancies: "
        "they are taken as alternatives with equal shares, which the formula fits"
    )
    return replace(record, sites=sites, notes=(*record.notes, note))


def _share_with_images(images: Images, pairs: list[tuple[int, int]]) -> Record | None:
    """Give half an occupancy to molecules that overlap their own images."""
    sites, size = images.record.sites, len(images.record.sites)
    overlapping = set(pairs)
    bonds = [
        (int(images.owners[i]), int(images.owners[j]))
        for i, j, distance in images.pairs(_LONGEST_BOND)
        if _is_bond(images, i, j, distance)
    ]
    bonds = [(i, j) for i, j in bonds if (i, j) not in overlapping]
    parts = number_linked(size, bonds)
    own = {int(parts[i]) for i, j in pairs if parts[i] == parts[j]}
    chosen = [k for k in range(size) if parts[k] in own and is_placed(sites[k])]
    if not chosen:
        return None
    shared = tuple(
        replace(site, occupancy=0.5, group="-1") if k in chosen else site
        for k, site in enumerate(sites)
    )
    note = (
        f"{', '.join(sites[k].label for k in chosen)} overlap their own images and have no "
        "occupancies: one half is assumed, which the formula fits"
    )
    return replace(images.record, sites=shared, notes=(*images.record.notes, note))


def _is_bond(images: Images, first: int, second: int, distance: float) -> bool:
    one, other = images.site(first), images.site(second)
    if is_hydrogen(one) or is_hydrogen(other):
        return is_hydrogen(one) != is_hydrogen(other) and distance < _HYDROGEN_BOND
    return is_covalent_bond(one, other, distance)
