"""Carriers of hydrogen: which atom each H is bonded to, and how many H each atom carries."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.plausibility.contacts import Contacts
from aiida_hpaint.science.types import BoolArray, IntArray

LONGEST_BOND = 1.4
"""Longest bond of H to a nonmetal, relative to the sum of covalent radii. The halves of symmetric
hydrogen bonds reach 1.35 (FHF- in NaHF2, 1.19 Å); B-H-B bridges 1.2."""

LONGEST_METAL_BOND = 1.4
"""The same for metals; CsH has 1.16, H in the Materials Project a neighbour below 1.32."""

SHARED = 0.15
"""Difference, in the same unit, up to which two nonmetals share an H. In a hydrogen bond O-H-O with
1.1 and 1.3 Å it is 0.2."""

NONMETALS = (5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 51, 52, 53)
"""Elements that H has a covalent bond to, metalloids included; not H itself."""


def find_carriers(
    contacts: Contacts,
    longest: float = LONGEST_BOND,
    longest_metal: float = LONGEST_METAL_BOND,
) -> IntArray:
    """Find the atom that carries each inserted site: a nonmetal if one is in reach, else a metal.

    The nearest counts, as measured by the sums of covalent radii. H does not carry H.

    Parameters
    ----------
    contacts
        Contacts of the m inserted sites of S samples.
    longest, longest_metal
        Longest bond to a nonmetal and to a metal, relative to the sum of the radii. Unrelaxed
        samples, whose bonds are off by some tenths of an ångström, need more than the default.

    Returns
    -------
    (S, m) integers
        Site within the structure, in the order of the inserted sites; -1 where nothing is in reach.
    """
    _, second = contacts.elements()
    nonmetal = np.isin(second, NONMETALS)
    reach = np.where(nonmetal, contacts.ratio <= longest, contacts.ratio <= longest_metal)
    order = np.lexsort((contacts.ratio, ~nonmetal))
    order = order[(reach & (second != 1))[order]]
    carriers = np.full((contacts.size, len(contacts.numbers)), -1, dtype=np.int64)
    # Later assignments replace earlier ones: the preferred contact comes last.
    chosen = order[::-1]
    carriers[contacts.sample[chosen], contacts.first[chosen]] = contacts.second[chosen]
    return carriers[:, contacts.inserted]


def find_shared(contacts: Contacts) -> BoolArray:
    """Return (S, m, n) whether each inserted site may also count as carried by each site.

    Its own carrier is included. In a short hydrogen bond two atoms share H, and which of them
    carries it is a matter of hundredths of an ångström.
    """
    _, second = contacts.elements()
    bonds = np.isin(second, NONMETALS) & (contacts.ratio <= LONGEST_BOND)
    nearest = np.full((contacts.size, len(contacts.numbers)), np.inf)
    np.minimum.at(
        nearest, (contacts.sample, contacts.first), np.where(bonds, contacts.ratio, np.inf)
    )
    close = bonds & (contacts.ratio <= nearest[contacts.sample, contacts.first] + SHARED)
    shared = np.zeros((contacts.size, len(contacts.numbers), len(contacts.numbers)), dtype=np.bool_)
    shared[contacts.sample[close], contacts.first[close], contacts.second[close]] = True
    return shared[:, contacts.inserted]
