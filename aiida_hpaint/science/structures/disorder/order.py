"""Ordered records from disordered ones, by a stated policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.disorder.arrangements import Arrangement, find_arrangements
from aiida_hpaint.science.structures.disorder.changes import (
    describe_arrangement,
    describe_choice,
    describe_contents,
    describe_hydrogen,
)
from aiida_hpaint.science.structures.disorder.cleaning import (
    clean_occupancies,
    find_overlapping_sites,
    merge_equal_rows,
)
from aiida_hpaint.science.structures.disorder.composition import Change, compare, replace_formula
from aiida_hpaint.science.structures.disorder.exclusion import overlap
from aiida_hpaint.science.structures.disorder.fragments import FragmentImages, is_full
from aiida_hpaint.science.structures.disorder.hydrogen import (
    SetAside,
    keep_hydrogens,
    order_hydrogens,
)
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen, is_placed
from aiida_hpaint.science.structures.disorder.majority import choose_main_components
from aiida_hpaint.science.structures.disorder.relisting import relist
from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.records import Record

_MOST_REPLACED = 1 / 3
"""Part of the atoms that may change: beyond it an ordered structure is another compound."""


def order_record(record: Record, policy: str, symbol: str = "H") -> list[Record]:
    """Return ordered records, in which every site is occupied fully.

    A record without disorder comes back as it is, whatever the policy. What is chosen, left out
    or assumed is added to its notes, and kept in `disorder` for the metadata of hosts.

    Parameters
    ----------
    record : Record
        The record of a file.
    policy : str
        `refuse`; `majority`: the main component of each site and disorder group, with as much
        symmetry as it can have; `ordered:N`: the N most plausible ordered arrangements in the
        cell, labelled `-1`, `-2`, ...
    symbol : str
        Element of the sites to insert: an ordered host that has lost its last OH to F is no host
        for H, but one for Li.

    Raises
    ------
    HostError
        If the policy is to refuse, if sites overlap without occupancies, or if what is left
        would be another compound or still overlaps.
    """
    cleaned = clean_occupancies(record)
    listed = Images.of(cleaned)
    overlapping = find_overlapping_sites(listed)
    if overlapping:
        raise HostError(overlapping)
    merged = merge_equal_rows(cleaned)
    if all(is_full(site) for site in merged.sites if is_placed(site)):
        return [merged]
    if policy == "refuse":
        raise HostError(_refuse(merged))
    images = Images.of(merged)
    fragments = FragmentImages.of(images)
    if policy == "majority":
        return [_take_main_components(listed, images, fragments, symbol)]
    found = find_arrangements(images, fragments, int(policy.partition(":")[2]))
    return [
        _take_arrangement(listed, images, fragments, each, policy, symbol, rank, len(found))
        for rank, each in enumerate(found, 1)
    ]


def _take_main_components(
    listed: Images, images: Images, fragments: FragmentImages, symbol: str
) -> Record:
    chosen, subgroup = choose_main_components(images, fragments)
    kept = {atom for image in chosen for atom in fragments.atoms[image]}
    kept |= {
        image
        for image in range(len(images.owners))
        if is_full(images.site(image)) and not is_hydrogen(images.site(image))
    }
    occupancies = {**dict.fromkeys(sorted(kept), 1.0), **keep_hydrogens(images, kept)}
    ordered, aside, dropped = order_hydrogens(relist(images, occupancies, subgroup))
    changes = [*describe_choice(images, fragments, chosen), *describe_hydrogen(aside, dropped)]
    return _finish(listed, ordered, aside, changes, "majority", symbol)


def _take_arrangement(
    listed: Images,
    images: Images,
    fragments: FragmentImages,
    arrangement: Arrangement,
    policy: str,
    symbol: str,
    rank: int,
    count: int,
) -> Record:
    atoms = arrangement.atoms
    present = set(atoms.tolist())
    kept = [set(row[atoms].tolist()) == present for row in images.moved]
    ordered = relist(images, dict.fromkeys(atoms.tolist(), 1.0), np.flatnonzero(kept))
    label = f"{ordered.label}-{rank}" if count > 1 else ordered.label
    changes = describe_arrangement(images, arrangement, rank, count)
    return _finish(listed, replace(ordered, label=label), [], changes, policy, symbol)


def _finish(
    listed: Images,
    ordered: Record,
    aside: list[SetAside],
    changes: list[str],
    policy: str,
    symbol: str,
) -> Record:
    """Adapt the formula of an ordered record, check it, and add what was changed."""
    after = Images.of(ordered)
    change = compare(listed, after, sum(each.count for each in aside))
    _check(after, change, symbol)
    if not change.is_none or (aside and "sum" not in ordered.formulas):
        ordered = replace_formula(ordered, change)
    changes = [*changes, *describe_contents(change)]
    disorder = {**ordered.disorder, "policy": policy, "changes": changes}
    if aside:
        disorder["hydrogens_set_aside"] = sum(each.count for each in aside)
    notes = (*ordered.notes, f"Disorder is ordered by the policy {policy}", *changes)
    return replace(ordered, notes=notes, disorder=disorder)


def _refuse(record: Record) -> list[HostProblem]:
    remedy = "Order it by --disorder majority or ordered:N, or choose one configuration"
    return [
        HostProblem(
            record.label, f"its occupancy is {site.occupancy:g}", remedy, f"site {site.label}"
        )
        for site in record.sites
        if is_placed(site) and not is_full(site)
    ]


def _check(after: Images, change: Change, symbol: str) -> None:
    label, vanished = after.record.label, change.find_vanished(symbol)
    if change.replaced > _MOST_REPLACED or vanished:
        without = f", with no {' and '.join(vanished)} left" if vanished else ""
        reason = (
            f"ordering leaves out or replaces {100 * change.replaced:.0f} % of its atoms{without}: "
            "what is left is another compound"
        )
        remedy = "Choose one ordered configuration, or try --disorder ordered:N"
        raise make_host_error(label, reason, remedy)
    for i, j, distance in after.pairs(1.5):
        if overlap(after.site(i), after.site(j), distance):
            reason = f"it is still {distance:.2f} Å from {after.site(j).label} once ordered"
            remedy = "Choose one ordered configuration, with every site occupied fully"
            raise make_host_error(label, reason, remedy, f"site {after.site(i).label}")
