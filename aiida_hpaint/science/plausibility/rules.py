"""Rules of chemistry: each counts the violations in each sample of a host.

The rules are conservative. They apply to unrelaxed samples, whose positions are off by some tenths
of an ångström, and none of them drops a known crystal. Distances are relative to the sum of the
covalent radii (Cordero et al., Dalton Trans. 2008, 2832) unless given in Å.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from aiida_hpaint.science.plausibility.contacts import HYDROGEN_BOND, Contacts, find_contacts
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import BoolArray, IntArray

Rule = Callable[[Contacts], IntArray]

SHORTEST_BOND = 0.6
"""Distance below which two sites are too close."""

SHORTEST_DISTANCE = 0.5
"""Distance in Å below which two sites are too close, whatever their elements."""

SHORTEST_RATIO = 0.65
"""Distance below which a bond is too short; the shortest bonds in the Materials Project are 0.67
(uranyl)."""

SHORTEST_HYDROGEN = 0.95
"""The same for bonds to H, which vary less in length."""

ERROR = 0.35
"""Allowance in Å for bonds to H in unrelaxed samples, which a relaxation can correct."""

ISOLATED = 1.6
"""Distance to the nearest neighbour beyond which a site is isolated; H in the Materials Project has
one below 1.32."""

LONGEST_HYDROGEN_MOLECULE = 0.95
"""Distance in Å below which two H form a molecule. H2 has 0.74, dihydrogen complexes have 0.8 to
0.9 (Kubas, Chem. Rev. 107, 4152 (2007)); other H in the Materials Project are 1.5 apart."""

BONDED = 1.1
"""Longest covalent bond to H in an unrelaxed sample. The halves of the shortest symmetric hydrogen
bonds, FHF- and OHO with 1.13 and 1.2 Å, are 1.2 or longer."""

BONDED_LOOSELY = 1.25
"""The same for rules that need many bonds at once, with a larger error."""

MOST_NEIGHBOURS: Mapping[int, int] = {5: 5, 6: 4, 7: 4, 8: 3, 9: 2}
"""Largest number of nonmetals around B, C, N, O, F: octets, bridges in boranes, H2F+."""

MOST_HYDROGEN: Mapping[int, int] = {15: 4, 16: 3, 17: 2, 33: 4, 34: 3, 35: 2, 52: 3, 53: 2}
"""Largest number of H around heavier nonmetals: PH4+, H3S+, H2Cl+ and the like."""

_NONMETALS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53)
_NOBLE = (2, 10, 18, 36, 54, 86)
_SHARE_ONE_H = (6, 7, 8, 9)


def find_close_pairs(contacts: Contacts) -> BoolArray:
    """Return (P,) whether the sites of a pair are closer to each other than any bond is long."""
    near = (contacts.distance < SHORTEST_DISTANCE) | (contacts.ratio < SHORTEST_BOND)
    return np.asarray((contacts.first != contacts.second) & near)


def find_too_close(contacts: Contacts) -> BoolArray:
    """Return (S,) whether an inserted site is closer to another site than any bond is long."""
    return contacts.count(find_close_pairs(contacts)) > 0


def count_short_bonds(contacts: Contacts) -> IntArray:
    """Count pairs far below any bond length, though not so close that they are `too close`."""
    hydrogen = contacts.distance < SHORTEST_HYDROGEN * contacts.radii - ERROR
    return contacts.count(
        np.where(contacts.with_hydrogen(), hydrogen, contacts.ratio < SHORTEST_RATIO)
    )


def count_isolated_sites(contacts: Contacts) -> IntArray:
    """Count inserted sites in a void, farther from all others than any known neighbours."""
    # An anion may have nothing closer than the H that it is hydrogen-bonded to.
    first, second = contacts.elements()
    hydrogen_bond = (first != 1) & (second == 1) & (contacts.distance < HYDROGEN_BOND)
    near = (contacts.ratio < ISOLATED) | hydrogen_bond
    neighbours = contacts.count_sites(near)[:, contacts.inserted]
    return _per_sample(neighbours == 0)


def count_stray_molecules(contacts: Contacts) -> IntArray:
    """Count H2 molecules in hosts with anything but noble gases, which H could bond to."""
    host = contacts.numbers[~contacts.inserted]
    if not (~np.isin(host, (1, *_NOBLE))).any():
        return np.zeros(contacts.size, dtype=np.int64)
    first, second = contacts.elements()
    molecule = (first == 1) & (second == 1) & (contacts.distance < LONGEST_HYDROGEN_MOLECULE)
    return contacts.count(molecule)


def count_shared_hydrogen(contacts: Contacts) -> IntArray:
    """Count H with full bonds to two of C, N, O, F: H shares one electron pair only."""
    first, second = contacts.elements()
    bonds = (first == 1) & np.isin(second, _SHARE_ONE_H) & (contacts.ratio < BONDED)
    return _per_sample(contacts.count_sites(bonds) > 1)


def count_overcoordinated_sites(contacts: Contacts) -> IntArray:
    """Count nonmetals with more inserted nonmetals around them than their valence allows."""
    first, _ = contacts.elements()
    bonds = np.isin(first, _NONMETALS) & (contacts.ratio < BONDED_LOOSELY)
    light = contacts.count_sites(bonds, second=True) > _limits(contacts, MOST_NEIGHBOURS)
    heavy = contacts.count_sites(bonds & (first == 1), second=True)
    too_many = light | (heavy > _limits(contacts, MOST_HYDROGEN))
    return _per_sample(too_many)


def _per_sample(sites: BoolArray) -> IntArray:
    counts: IntArray = np.count_nonzero(sites, axis=1).astype(np.int64)
    return counts


def _limits(contacts: Contacts, most: Mapping[int, int]) -> IntArray:
    return np.array([most.get(int(n), len(contacts.sample)) for n in contacts.numbers])


RULES: Mapping[str, Rule] = {
    "a bond far too short": count_short_bonds,
    "a site in a void": count_isolated_sites,
    "a stray H2": count_stray_molecules,
    "H bonded to two anions": count_shared_hydrogen,
    "a nonmetal with too many neighbours": count_overcoordinated_sites,
}
"""Rules by the reason that samples which break them get."""


def find_implausible_samples(samples: StructureBatch) -> BoolArray:
    """Return (S,) whether a sample has sites too close or breaks one of the `RULES`.

    Parameters
    ----------
    samples
        With the scalar `host`; those of one host have the same cell and the same sites in the
        same order. Samples with unplaced sites are not implausible, since they are no structures.
    """
    found = np.zeros(len(samples), dtype=np.bool_)
    hosts = samples.scalars["host"]
    checked = samples.placed & (samples.insert_counts > 0)
    for host in np.unique(hosts[checked]):
        members = np.flatnonzero(checked & (hosts == host))
        contacts = find_contacts(samples, members)
        violations = np.sum([rule(contacts) for rule in RULES.values()], axis=0)
        found[members] = find_too_close(contacts) | (violations > 0)
    return found
