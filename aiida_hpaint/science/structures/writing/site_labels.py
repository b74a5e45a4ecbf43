"""Labels of sites that a source does not have: inserted sites, and parts of split orbits."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from string import ascii_uppercase

__all__ = ["label_hydrogens", "label_plainly", "label_split_site"]


def label_hydrogens(
    parent: str, symbol: str, count: int, taken: Collection[str], element: str = "H"
) -> list[str]:
    """Label the H of one parent after it: O1 carries H1, a water OW HWA and HWB, N H1 and H2.

    Where such a label is taken, as H1 is where C1 and N1 carry H, it is followed by the symbol of
    the parent, and then by numbers.

    Parameters
    ----------
    parent, symbol
        Label and element of the parent.
    count
        Number of H.
    taken
        Labels that exist; comparisons ignore case.
    element
        Symbol that labels begin with.
    """
    rest = re.sub(r"[^A-Za-z0-9]", "", parent.removeprefix(symbol))
    rest = re.sub(rf"^[Hh{element}](?=\d|$)", "", rest)  # O-H1 carries H1, and OD1 carries D1
    if rest[:1].islower():  # Ho, He, Hf and so on are other elements
        rest = rest[0].upper() + rest[1:]
    endings = _make_endings(count, numbered=not rest)
    used = {label.upper() for label in taken}
    stems = [element + rest, element + rest + symbol]
    numbered = (f"{element}{rest}{symbol}_{number}" for number in range(2, 10_000))
    for stem in (*stems, *numbered):
        labels = [stem + ending for ending in endings]
        if used.isdisjoint(label.upper() for label in labels):
            return labels
    raise ValueError(f"there are no more labels for H of {parent}: give its sites other labels")


def _make_endings(count: int, numbered: bool) -> Sequence[str]:
    if count == 1:
        return [""]
    if numbered or count > len(ascii_uppercase):
        return [f"{'' if numbered else '_'}{number}" for number in range(1, count + 1)]
    return list(ascii_uppercase[:count])


def label_plainly(symbol: str, taken: Collection[str]) -> str:
    """Return the first free label of an element: Mg1, Mg2, and so on."""
    used = {label.upper() for label in taken}
    number = 1
    while f"{symbol}{number}".upper() in used:
        number += 1
    return f"{symbol}{number}"


def label_split_site(label: str, taken: Collection[str]) -> str:
    """Return the label of a further part of a site: Mg1_2, Mg1_3, and so on."""
    used = {each.upper() for each in taken}
    number = 2
    while f"{label}_{number}".upper() in used:
        number += 1
    return f"{label}_{number}"
