"""What no chemistry has: each rule counts the offences of each sample of a host.

All are conservative: they are for samples as they were drawn, with errors of some tenths of an
ångström, and none of them drops a crystal that is known. Distances are shares of the sum of the
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
"""Share of the sum of covalent radii below which two sites cannot be neighbours."""

SHORTEST_DISTANCE = 0.5
"""Å, below which no two sites can be."""

SHORTEST_RATIO = 0.65
"""Bonds in crystals of the Materials Project are above 0.67, as of uranyl."""

SHORTEST_HYDROGEN = 0.95
"""The same for bonds to H, which are stiff and close to the sum of the radii."""

ERROR = 0.35
"""Å, by which a bond to H may be shorter in a sample that a relaxation will set right."""

ISOLATED = 1.6
"""The closest neighbours of H in crystals of the Materials Project are below 1.32."""

LONGEST_HYDROGEN_MOLECULE = 0.95
"""Å; H2 has 0.74, complexes of dihydrogen have 0.8 to 0.9 (Kubas, Chem. Rev. 107, 4152 (2007)),
and the next H of crystals of the Materials Project is at 1.5."""

BONDED = 1.1
"""A covalent bond to H, with the error of a sample. The halves of the shortest symmetric hydrogen
bonds, FHF- and OHO with 1.13 and 1.2 Å, are at 1.2 and more."""

BONDED_LOOSELY = 1.25
"""The same with a larger error, where it takes many at once."""

MOST_NEIGHBOURS: Mapping[int, int] = {5: 5, 6: 4, 7: 4, 8: 3, 9: 2}
"""Nonmetals around B, C, N, O, F: octets, with bridges in boranes and H2F+."""

MOST_HYDROGEN: Mapping[int, int] = {15: 4, 16: 3, 17: 2, 33: 4, 34: 3, 35: 2, 52: 3, 53: 2}
"""H around heavier nonmetals: PH4+, H3S+, H2Cl+ and alike."""

_NONMETALS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53)
_NOBLE = (2, 10, 18, 36, 54, 86)
_SHARE_ONE_H = (6, 7, 8, 9)


def find_too_close(contacts: Contacts) -> BoolArray:
    """(S,) whether an inserted site of a sample is closer to another site than any bond."""
    other = contacts.first != contacts.second
    near = (contacts.distance < SHORTEST_DISTANCE) | (contacts.ratio < SHORTEST_BOND)
    return contacts.count(other & near) > 0


def count_short_bonds(contacts: Contacts) -> IntArray:
    """Pairs far below any bond length, though not as close as to be `too close`."""
    hydrogen = contacts.distance < SHORTEST_HYDROGEN * contacts.radii - ERROR
    return contacts.count(
        np.where(contacts.with_hydrogen(), hydrogen, contacts.ratio < SHORTEST_RATIO)
    )


def count_isolated_sites(contacts: Contacts) -> IntArray:
    """Inserted sites in a void, farther from every other site than any known neighbours are."""
    # An anion may have nothing closer than the H that it is hydrogen-bonded to.
    first, second = contacts.elements()
    hydrogen_bond = (first != 1) & (second == 1) & (contacts.distance < HYDROGEN_BOND)
    near = (contacts.ratio < ISOLATED) | hydrogen_bond
    neighbours = contacts.count_sites(near)[:, contacts.inserted]
    return _per_sample(neighbours == 0)


def count_stray_molecules(contacts: Contacts) -> IntArray:
    """H2 in a host that has anything else for H to bond to: all but noble gases."""
    host = contacts.numbers[~contacts.inserted]
    if not (~np.isin(host, (1, *_NOBLE))).any():
        return np.zeros(contacts.size, dtype=np.int64)
    first, second = contacts.elements()
    molecule = (first == 1) & (second == 1) & (contacts.distance < LONGEST_HYDROGEN_MOLECULE)
    return contacts.count(molecule)


def count_shared_hydrogen(contacts: Contacts) -> IntArray:
    """H with full bonds to two of C, N, O, F: it has one electron pair to share."""
    first, second = contacts.elements()
    bonds = (first == 1) & np.isin(second, _SHARE_ONE_H) & (contacts.ratio < BONDED)
    return _per_sample(contacts.count_sites(bonds) > 1)


def count_overcoordinated_sites(contacts: Contacts) -> IntArray:
    """Nonmetals with more inserted nonmetals around them than their valence allows."""
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
"""The rules by what they find."""


def find_implausible(samples: StructureBatch) -> BoolArray:
    """(S,) whether a sample has sites too close or breaks one of the `RULES`.

    Parameters
    ----------
    samples
        With the scalar `host`; those of one host have the same cell and the same sites in the
        same order. One with a site that has no position is not absurd: it is no structure at all.
    """
    found = np.zeros(len(samples), dtype=np.bool_)
    hosts = samples.scalars["host"]
    judged = samples.placed & (samples.insert_counts > 0)
    for host in np.unique(hosts[judged]):
        members = np.flatnonzero(judged & (hosts == host))
        contacts = find_contacts(samples, members)
        offences = np.sum([rule(contacts) for rule in RULES.values()], axis=0)
        found[members] = find_too_close(contacts) | (offences > 0)
    return found
