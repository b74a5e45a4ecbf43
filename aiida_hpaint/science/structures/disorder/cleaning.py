"""Occupancies that are not meant as they are written, and overlapping sites that have none."""

from __future__ import annotations

from dataclasses import replace

from aiida_hpaint.science.structures.disorder.exclusion import overlap
from aiida_hpaint.science.structures.disorder.fragments import FULL, is_full
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen, is_placed
from aiida_hpaint.science.structures.disorder.unstated import find_misfit, share_unstated
from aiida_hpaint.science.structures.errors import HostProblem, make_host_error
from aiida_hpaint.science.structures.records import ListedSite, Record

_ROUNDING = 0.02  # thirds and sums of refined occupancies
_EXCESS = 0.1  # occupancies refine to a little above one
_SAME_POSITION = 0.1  # Å
_COPY = 0.02  # Å: rows that symmetry operations were applied to are equal but for rounding
_MOST_COPIES = 8  # that are named
_ENOUGH = 3  # special positions that show a convention where no formula does


def clean_occupancies(record: Record) -> Record:
    """Correct occupancies that cannot be meant as they are written, with a note for each.

    Raises
    ------
    HostError
        If an occupancy is far above one.
    """
    record = share_unstated(_drop_copies(_limit(record)))
    if all(is_full(site) for site in record.sites if is_placed(site)):
        return record
    return _remove_site_symmetry(record)


def find_overlapping_sites(images: Images) -> list[HostProblem]:
    """Find fully occupied sites that overlap: split ones, and those that a mistake put there.

    Alternatives of one atom are of one element; two elements that share a place without an
    occupancy are as likely a wrong coordinate, cell or symmetry.
    """
    found: dict[tuple[str, str], tuple[float, bool]] = {}
    for i, j, distance in images.pairs(1.5):
        first, second = images.site(i), images.site(j)
        if is_full(first) and is_full(second) and overlap(first, second, distance):
            pair = (first.label, second.label)
            same = _get_element(first) == _get_element(second)
            found[pair] = min((distance, same), found.get(pair, (distance, same)))
    problems = []
    for (first_label, second_label), (distance, same) in found.items():
        of = "its own image" if first_label == second_label else second_label
        reason = f"it is {distance:.2f} Å from {of}: "
        if same:
            reason += "it seems split over several positions, but has no occupancy"
            remedy = "Give occupancies, or keep one of the positions"
        else:
            reason += "no bond is that short"
            remedy = "Correct coordinates, cell or symmetry, or give occupancies"
        problems.append(HostProblem(images.record.label, reason, remedy, f"site {first_label}"))
    return problems


def _get_element(site: ListedSite) -> str:
    return "H" if is_hydrogen(site) else site.symbol


def _limit(record: Record) -> Record:
    notes, sites = [], []
    for site in record.sites:
        if site.occupancy == 1.0 or (is_placed(site) and site.occupancy < 1.0):
            sites.append(site)
            continue
        if is_placed(site) and site.occupancy > 1 + _EXCESS:
            reason = f"its occupancy is {site.occupancy:g}"
            raise make_host_error(
                record.label, reason, "Correct it: at most 1", f"site {site.label}"
            )
        if site.occupancy <= 0:
            sites.append(site)
            continue
        sites.append(replace(site, occupancy=1.0))
        if is_placed(site) and site.occupancy > 1 + FULL:
            notes.append(f"The occupancy {site.occupancy:g} of {site.label} is taken as 1")
    return replace(record, sites=tuple(sites), notes=(*record.notes, *notes))


def _drop_copies(record: Record) -> Record:
    """Drop fully occupied rows that repeat another one, or one of its images by symmetry."""
    images = Images.of(record)
    copies: dict[int, int] = {}
    for i, j, _ in images.pairs(_COPY):
        first, second = sorted((int(images.owners[i]), int(images.owners[j])))
        one, other = record.sites[first], record.sites[second]
        if first != second and one.symbol == other.symbol and is_full(one) and is_full(other):
            copies.setdefault(second, first)
    if not copies:
        return record
    sites = tuple(site for index, site in enumerate(record.sites) if index not in copies)
    named = ", ".join(
        f"{record.sites[copy].label} ({record.sites[index].label})"
        for copy, index in list(copies.items())[:_MOST_COPIES]
    )
    more = f" and {len(copies) - _MOST_COPIES} more" if len(copies) > _MOST_COPIES else ""
    note = f"Rows that repeat others, which symmetry generates, are left out: {named}{more}"
    return replace(record, sites=sites, notes=(*record.notes, note))


def _remove_site_symmetry(record: Record) -> Record:
    """Divide by the order of the site symmetry where occupancies contain it, as those of SHELX."""
    images, order = Images.of(record), len(record.operations)
    parts = {
        index: len(images.of_site(index)) / order
        for index, site in enumerate(record.sites)
        if is_placed(site)
    }
    special = [index for index, part in parts.items() if part < 1]
    if not special or any(
        record.sites[i].occupancy > parts[i] * (1 + _ROUNDING) + FULL for i in special
    ):
        return record
    sites = list(record.sites)
    for index in special:
        occupancy = sites[index].occupancy / parts[index]
        full = 1.0 if abs(occupancy - 1) < _ROUNDING else occupancy
        sites[index] = replace(sites[index], occupancy=full)
    changed = replace(record, sites=tuple(sites))
    misfits = [find_misfit(record), find_misfit(changed)]
    if None in misfits and len(special) < _ENOUGH:
        return record
    if None not in misfits and (misfits[1] or 0.0) >= (misfits[0] or 0.0):
        return record
    labels = ", ".join(sites[index].label for index in special)
    note = (
        f"The occupancies of {labels} contain the multiplicity of their special positions, as "
        "those of SHELX do, and are divided by it"
    )
    return replace(changed, notes=(*record.notes, note))


def merge_equal_rows(record: Record) -> Record:
    """Add up partly occupied rows of one element whose positions are equal by symmetry.

    The row with the largest occupancy keeps its label: its alternatives may carry other numbers
    of H.
    """
    images = Images.of(record)
    order = sorted(range(len(record.sites)), key=lambda k: -record.sites[k].occupancy)
    rank = {index: place for place, index in enumerate(order)}
    merged: dict[int, int] = {}
    totals = {index: site.occupancy for index, site in enumerate(record.sites)}
    for i, j, _ in images.pairs(_SAME_POSITION):
        pair = int(images.owners[i]), int(images.owners[j])
        first, second = sorted((merged.get(index, index) for index in pair), key=rank.__getitem__)
        one, other = record.sites[first], record.sites[second]
        if first == second or one.symbol != other.symbol or is_full(one) or is_full(other):
            continue
        if one.group or other.group:  # fragments stay whole, and may overlap their own images
            continue
        if totals[first] + totals[second] <= 1 + _ROUNDING:
            totals[first] += totals[second]
            merged[second] = first
    if not merged:
        return record
    sites = [
        replace(site, occupancy=1.0 if abs(totals[k] - 1) < _ROUNDING else totals[k])
        if k in merged.values()
        else site
        for k, site in enumerate(record.sites)
        if k not in merged
    ]
    notes = [
        f"{record.sites[second].label} is at a position of {record.sites[first].label}, and their "
        "occupancies are added"
        for second, first in merged.items()
    ]
    return replace(record, sites=tuple(sites), notes=(*record.notes, *notes))
