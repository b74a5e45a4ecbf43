"""Checks of the hydrogen in an answer: what it is bonded to, and whether the budget is met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from aiida_hpaint.science.plausibility.answers import Answer, Finding
from aiida_hpaint.science.plausibility.carriers import LONGEST_BOND, find_carriers, find_shared
from aiida_hpaint.science.plausibility.charge_balance import find_charge_balances
from aiida_hpaint.science.plausibility.contacts import find_contacts
from aiida_hpaint.science.plausibility.rules import (
    LONGEST_HYDROGEN_MOLECULE,
    RULES,
    find_too_close,
)
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.types import BoolArray, IntArray

__all__ = [
    "HYDROGEN_CHECKS",
    "check_budget",
    "check_carriers",
    "check_centres",
    "check_density",
    "check_molecules",
    "check_protonation",
    "check_rules",
]

CLOSEST_HYDROGEN = 1.2
"""Distance in Å of H that is worth a notice; X-ray work on minerals has 1.22."""

HYDRIDE_SHARE = 0.1
"""How likely hydride ions must be, relative to protons, for H bonded to metals alone to pass."""

FULL = 4
"""Number of anions around the centre of an oxoanion that leaves no room for H."""

_ANIONS = (7, 8, 9, 16, 17, 34, 35, 52, 53)
_CENTRES = (14, 15, 16, 17, 33, 34, 35, 51, 52, 53)
_NOBLE = (2, 10, 18, 36, 54, 86)
_D_BLOCK = (*range(21, 30), *range(39, 48), *range(72, 80))
_CHECKED_HERE = ("a stray H2", "a site in a void")


def check_rules(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Apply the rules that samples are filtered by, except those that are stricter here."""
    contacts = answer.contacts
    if find_too_close(contacts)[0]:
        yield Finding("sites too close", "closer than any bond")
    for name, rule in RULES.items():
        if name not in _CHECKED_HERE and (count := int(rule(contacts)[0])):
            yield Finding(name, f"{count} in the cell")


def check_molecules(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find H2 that an inserted H is part of, and H that are close to each other."""
    if not _has_partners(answer):
        return
    contacts, inserted = answer.contacts, answer.structure.inserted
    first, second = contacts.first, contacts.second
    pairs = (contacts.numbers[first] == 1) & (contacts.numbers[second] == 1)
    pairs &= inserted[first] | inserted[second]
    molecule = pairs & (contacts.distance < LONGEST_HYDROGEN_MOLECULE)
    if molecule.any():
        detail = f"{molecule.sum() // 2} in the cell, H-H {contacts.distance[molecule].min():.2f} Å"
        if _are_ligands(answer, np.unique(first[molecule])):
            yield Finding("H2 as a ligand", detail, fails=False)
        else:
            yield Finding("stray H2", detail)
    close = pairs & ~molecule & (contacts.distance < CLOSEST_HYDROGEN)
    if close.any():
        shortest = contacts.distance[close].min()
        yield Finding("H close to H", f"{shortest:.2f} Å", fails=False)


def check_carriers(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find H bonded to nothing, and H at metals alone in crystals where it is a proton."""
    if not _has_partners(answer):
        return
    ours = answer.structure.inserted & (answer.structure.numbers == 1)
    in_molecule = _find_in_molecules(answer)
    free = np.flatnonzero(ours & (answer.carriers == UNKNOWN) & ~in_molecule)
    if len(free):
        yield Finding("H bonded to nothing", f"{len(free)} in the cell, {_nearest(answer, free)}")
    carriers = answer.carriers
    at_metal = np.flatnonzero(ours & (carriers >= 0) & ~answer.is_nonmetal[carriers])
    if not len(at_metal) or not np.isin(answer.host.numbers, _ANIONS).any():
        return
    proton, hydride = _weigh_charges(answer)
    if hydride < HYDRIDE_SHARE * proton:
        detail = f"{len(at_metal)} in the cell, {_nearest(answer, at_metal)}; its charge is +1"
        yield Finding("H bonded to metals alone", detail)
    elif hydride == 0:
        detail = f"{len(at_metal)} in the cell; no common oxidation states say whether as H-"
        yield Finding("H bonded to metals alone", detail, fails=False)


def check_centres(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find H on the central atoms of complete oxoanions, such as S of sulphate."""
    pairs, numbers = answer.pairs, answer.host.numbers
    bonds = np.zeros(answer.structure.n_sites, dtype=np.int64)
    for centre, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
        bonded = np.isin(numbers[other], (8, 9)) & (pairs.ratio < LONGEST_BOND)
        np.add.at(bonds, centre[bonded & np.isin(numbers[centre], _CENTRES)], 1)
    carriers = answer.carriers[answer.structure.inserted]
    wrong = carriers[(carriers >= 0) & (bonds[carriers] >= FULL)]
    if len(wrong):
        yield Finding("H at the centre of an oxoanion", answer.list_sites(wrong.tolist()))


def check_budget(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Compare the H that each atom carries with its H in the host and those of the budget.

    H of the host among metals may move from one hole of the metal to another, which is a notice.
    """
    before = _find_carriers_before(answer)
    after = answer.carriers[np.flatnonzero(answer.host.numbers == 1)]
    at_metals = (before >= 0) & (after >= 0)
    at_metals &= ~answer.is_nonmetal[before] & ~answer.is_nonmetal[after]
    if at_metals.any():
        left = before[at_metals]
        lost = left[~_match(answer, left)[0]]
        if len(lost):
            detail = f"{answer.list_sites(lost.tolist())} lost H to others"
            yield Finding("H moved among metals", detail, fails=False)
        before = before[~at_metals]
    parents = answer.parents[answer.parents != UNKNOWN]
    places = np.concatenate([before[before >= 0], parents])
    if not len(places):
        return
    taken, placed = _match(answer, places)
    lacking, extra = places[~taken], answer.carriers[answer.carriers != -2][~placed]
    if not len(lacking):
        return
    # Without a budget any atom may have an H more, so that only what is lost says anything.
    known = len(parents) == int(answer.structure.inserted.sum())
    gained = answer.list_sites(extra[extra >= 0].tolist()) if known else ""
    detail = (
        f"{answer.list_sites(lacking.tolist())} lost H"
        if not known
        else (f"H is missing at {answer.list_sites(lacking.tolist())}")
    )
    name = "budget not met" if len(parents) else "proton transfer"
    yield Finding(name, detail + (f", and in excess at {gained}" if gained else ""))


def check_protonation(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find H3O+ beside OH- where no budget says that both are there."""
    if (answer.parents != UNKNOWN).any():
        return
    counts = np.bincount(answer.carriers[answer.carriers >= 0], minlength=answer.structure.n_sites)
    oxygen = answer.structure.numbers == 8
    pairs, bonded = answer.pairs, np.zeros(answer.structure.n_sites, dtype=np.bool_)
    covalent = pairs.ratio < LONGEST_BOND
    for site, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
        bonded[site[covalent & answer.is_nonmetal[other]]] = True
    acid, base = oxygen & (counts == 3), oxygen & (counts == 1) & ~bonded
    if acid.any() and base.any():
        sites = np.flatnonzero(acid)
        detail = f"H3O+ at {answer.list_sites(sites.tolist())} beside OH-"
        yield Finding("proton transfer", detail, fails=False)


def check_density(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Compare the number of H in the cell with its volume."""
    count = int((answer.structure.numbers == 1).sum())
    volume = abs(float(np.linalg.det(answer.structure.cells[0])))
    if count and volume / count < settings.volume_per_hydrogen:
        yield Finding("crowded cell", f"{volume / count:.1f} Å³ for each H", fails=False)


def _has_partners(answer: Answer) -> bool:
    """Return whether there is anything in the host that H could bond to."""
    return bool((~np.isin(answer.host.numbers, (1, *_NOBLE))).any())


def _are_ligands(answer: Answer, hydrogen: IntArray) -> bool:
    """Return whether H2 are side-on ligands, as of W (Kubas, Chem. Rev. 107, 4152 (2007)).

    H2 in a host with anions is taken for stray even then: H would rather bond to an anion.
    """
    carriers = answer.carriers[hydrogen]
    bonded = np.isin(answer.structure.numbers[carriers], _D_BLOCK) & (carriers >= 0)
    # Of a molecule at an angle only the nearer H may be in reach.
    has_anions = np.isin(answer.host.numbers, _ANIONS).any()
    return bool(2 * bonded.sum() >= len(hydrogen) and not has_anions)


def _find_in_molecules(answer: Answer) -> BoolArray:
    contacts = answer.contacts
    pair = (contacts.numbers[contacts.first] == 1) & (contacts.numbers[contacts.second] == 1)
    found = np.zeros(answer.structure.n_sites, dtype=np.bool_)
    found[contacts.first[pair & (contacts.distance < LONGEST_HYDROGEN_MOLECULE)]] = True
    return found


def _nearest(answer: Answer, sites: IntArray) -> str:
    """Return as text the shortest distance from any of the sites to an atom other than H."""
    contacts = answer.contacts
    chosen = np.isin(contacts.first, sites) & (contacts.numbers[contacts.second] != 1)
    if not chosen.any():
        return "far from all atoms"
    best = np.flatnonzero(chosen)[contacts.distance[chosen].argmin()]
    return f"{contacts.distance[best]:.2f} Å from {answer.name(int(contacts.second[best]))}"


def _weigh_charges(answer: Answer) -> tuple[float, float]:
    """Return the weights of the charge balances with protons and with hydride ions."""
    structure = answer.structure
    host = Counter(get_symbol(int(n)) for n in structure.numbers[structure.numbers != 1])
    count = int((structure.numbers == 1).sum())
    balances = [one for one in find_charge_balances(host, "H", count) if one.count == count]
    return (
        sum(one.weight for one in balances if one.added > 0),
        sum(one.weight for one in balances if one.added < 0),
    )


def _find_carriers_before(answer: Answer) -> IntArray:
    """Return the (h,) carriers of the H of the host before the restoration."""
    host = answer.host
    marked = replace(host, inserted=host.numbers == 1)
    return np.asarray(find_carriers(find_contacts(marked, np.array([0])))[0])


def _match(answer: Answer, places: IntArray) -> tuple[BoolArray, BoolArray]:
    """Return which places for H are taken, and which H (in order) take one.

    H that two atoms share takes a place at either.
    """
    contacts = answer.contacts
    bound = find_shared(contacts)[0]
    carriers = find_carriers(contacts)[0]
    rows = np.flatnonzero(carriers >= 0)
    bound[rows, carriers[rows]] = True
    bound = bound[contacts.numbers[contacts.inserted] == 1]
    matched = maximum_bipartite_matching(csr_array(bound[:, places].astype(int)), "row")
    placed = np.zeros(len(bound), dtype=np.bool_)
    placed[matched[matched >= 0]] = True
    return matched >= 0, placed


HYDROGEN_CHECKS = (
    check_molecules,
    check_carriers,
    check_rules,
    check_centres,
    check_budget,
    check_protonation,
)
"""Checks that say whether H is where it can be."""
