"""Labels of sites, each of them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from aiida_hpaint.science.structures.records import ListedSite

__all__ = ["number_labels"]


def number_labels(sites: Iterable[ListedSite], notes: list[str]) -> tuple[ListedSite, ...]:
    """Give sites that share a label a number, from the second one on, and note it."""
    listed = tuple(sites)
    taken = Counter(site.label for site in listed)
    shared = [label for label, count in taken.items() if count > 1]
    if shared:
        notes.append(f"Sites that share a label were numbered: {', '.join(shared)}.")
    seen: Counter[str] = Counter()
    found = []
    for site in listed:
        seen[site.label] += 1
        number = seen[site.label]
        if number > 1:
            while f"{site.label}_{number}" in taken:
                number += 1
            taken[f"{site.label}_{number}"] += 1
            site = replace(site, label=f"{site.label}_{number}")
        found.append(site)
    return tuple(found)
