"""Bond valences against a number of H: where they go, and whether there is room for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiida_hpaint.science.structures.budget.carriers import may_carry
from aiida_hpaint.science.structures.budget.findings import Findings
from aiida_hpaint.science.structures.budget.organic_sites import (
    count_on_organic,
    find_room_on_nitrogen,
)
from aiida_hpaint.science.structures.budget.placement import (
    Placement,
    find_likely_total,
    place_hydrogens,
    rate_hydrogens,
    rate_surplus,
)
from aiida_hpaint.science.wording import list_by_label

SUSPICIOUS = 9.0
"""Rise of the squared deviations (in standard deviations) that makes a number implausible."""

HYDRIDIC = ("B", "Al", "Ga", "Si", "Ge", "P", "As")
"""Elements that carry up to four H as their anions: BH4, AlH4, H2PO2."""

SHARED_BY_FLUORINE = 2.45
"""Longest distance (Å) of two F that share an H: 2.27 in HF2."""

COMPLETE = 3.0
"""Rise of the squared deviation of one site up to which its listed H may be all."""

UNLIKE = 1.0
"""Valence (v.u.) by which C or N is too far from the number of H that its bonds have room for."""

UNSTATED = {"O": 0.575, "N": 1.0, "C": 1.0}
"""Lacking valence (v.u.) from which a formula without H is not believed: an O to which one H fits
better than none; N and C of nitrides and carbides lack nearly as much as those of organic
molecules. Of 1680 crystals of the Materials Project with O, N or C but no H, 1.3 % have such a
site; of 102 minerals whose lists lack H, 95 %."""


def place_missing(
    findings: Findings, missing: int, known: Mapping[str, int]
) -> tuple[dict[str, int], list[str]]:
    """Return the number of missing H on each atom of a site, where that is clear.

    Parameters
    ----------
    findings
        Evidence of the record.
    missing
        Number of missing H in the cell.
    known
        Numbers on the atoms of sites that the file gives.

    Returns
    -------
    by_site : dict
        The known numbers, and those that follow from bond valences.
    assumptions : list of sentences
        What was assumed.
    """
    counts = findings.cell.counts
    rest = missing - sum(counts[label] * n for label, n in known.items())
    if rest <= 0 or findings.symbol != "H":
        return dict(known), []
    placement, carried = place_by_valences(findings, missing, known), findings.carried
    found, halved = dict[str, int](), list[str]()
    if placement is not None:
        by_bonds = count_on_organic(findings.cell)
        placement = _believe_bonds(placement, findings, missing, known, by_bonds)
        clear = {
            label: n
            for label, n in placement.by_site.items()
            if label not in known
            and n > carried[label]
            and by_bonds.get(label, n) == n
            and (label in by_bonds or placement.is_clear(label))
        }
        found = {label: round(n) - carried[label] for label, n in clear.items() if n != 0.5}
        halved = [label for label, n in clear.items() if n == 0.5]
    shared = sum(counts[label] // 2 for label in halved)
    rest -= sum(counts[label] * n for label, n in found.items()) + shared
    notes = []
    if found:
        notes.append(f"Bond valences put missing H on these atoms: {list_by_label(found)}")
    if halved:
        sites = " and ".join([", ".join(halved[:-1]), halved[-1]] if halved[1:] else halved)
        notes.append(f"Every other atom of {sites} carries one H, by bond valences: {shared} H")
    if rest > 0:
        which = "the missing H" if rest == missing else f"{rest} of the {missing} missing H"
        notes.append(f"It is not known which atoms carry {which}")
    if not _is_plausible(findings, placement):
        notes += [
            f"Bond valences speak against this number of H: {each.statement}"
            for each in findings.valences
            if each.total != findings.listed + missing
        ]
    return {**known, **found}, notes


def has_room(findings: Findings, missing: int, known: Mapping[str, int]) -> bool:
    """Return whether the sites that are not known have room for the other missing H."""
    return _is_plausible(findings, place_by_valences(findings, missing, known))


def _is_plausible(findings: Findings, placement: Placement | None) -> bool:
    """Return whether sites carry H about as bond valences have it; True where these say nothing."""
    if not findings.lacking:
        return True
    _, likely = find_likely_total(findings.lacking, findings.cell.elements, findings.cell.counts)
    return placement is not None and placement.cost - likely <= SUSPICIOUS


def find_suspicion(findings: Findings, missing: int) -> str:
    """Return why a number of missing H is implausible for a list that has H, empty if it is not.

    The list is complete by bond valences or weight, there is no room for more, and oxidation
    numbers do not ask for them.
    """
    if not findings.listed or missing <= 0 or findings.symbol != "H":
        return ""
    total = findings.listed + missing
    if any(e.source == "oxidation numbers" and e.total == total for e in findings.others):
        return ""
    if is_complete(findings) and not has_room(findings, missing, {}):
        return "bond valences say that the list is complete"
    for each in findings.others:
        if each.source.startswith("_chemical_formula_weight") and each.total is not None:
            unlisted = each.total - findings.listed
            if abs(unlisted) < 0.5 < abs(unlisted - missing):
                return f"{each.source}: {each.statement}"
    return ""


def find_unstated(findings: Findings) -> dict[str, float]:
    """Return the sites that lack the valence of an H, in a record that neither lists nor counts H.

    A formula without H is no statement about it: programs write that of the listed sites. C and N
    of carbides and nitrides lack up to one valence unit.
    """
    formulas = [each for each in findings.formulas if each.total is not None]
    if findings.listed or any(each.total for each in formulas):
        return {}
    elements = findings.cell.elements
    return {
        label: lacking
        for label, lacking in findings.lacking.items()
        if lacking >= UNSTATED[elements[label]]
    }


def is_complete(findings: Findings) -> bool:
    """Return whether bond valences say that no site lacks another H, and H is listed."""
    counts, carried = findings.cell.counts, findings.carried
    placed = sum(counts[label] * n for label, n in carried.items())
    if not findings.listed or placed != findings.listed:
        return False
    elements = findings.cell.elements
    return all(
        rate_hydrogens(elements[label], lacking, carried[label]) <= COMPLETE
        for label, lacking in findings.lacking.items()
    )


def find_overfull(findings: Findings) -> list[str]:
    """Return the sites that carry more listed H than they lack valence for, as split ones."""
    elements, carried = findings.cell.elements, findings.carried
    return [
        label
        for label, lacking in findings.lacking.items()
        if rate_surplus(elements[label], lacking, carried[label]) > SUSPICIOUS
    ]


def place_by_valences(
    findings: Findings,
    missing: int,
    known: Mapping[str, int],
    lacking: Mapping[str, float] | None = None,
) -> Placement | None:
    """Distribute missing H over the sites of a record by the valences that they lack.

    Parameters
    ----------
    known
        Numbers of missing H on the atoms of sites that are known.
    lacking
        Valences in the place of those that were found.
    """
    counts, carried = findings.cell.counts, findings.carried
    total = missing + sum(counts[label] * n for label, n in carried.items())
    elsewhere = sum(counts[label] * n for label, n in known.items() if label not in carried)
    return place_hydrogens(
        findings.lacking if lacking is None else lacking,
        findings.cell.elements,
        counts,
        total - elsewhere,
        carried,
        {label: n + carried[label] for label, n in known.items() if label in carried},
        _count_elsewhere(findings),
        findings.has_only_water,
        find_room_on_nitrogen(findings.cell),
    )


def _believe_bonds(
    placement: Placement,
    findings: Findings,
    missing: int,
    known: Mapping[str, int],
    by_bonds: Mapping[str, int],
) -> Placement:
    """Return the placement with as many H on C and N as their bonds say, where that has room.

    Directions of bonds say more than valences, which the errors of bond lengths add up in.
    """
    organic = list_missing_by_bonds(findings, by_bonds)
    believed = place_by_valences(findings, missing, {**organic, **known}) if organic else None
    return placement if believed is None else believed


def list_missing_by_bonds(findings: Findings, by_bonds: Mapping[str, int]) -> dict[str, int]:
    """Return how many H are missing on C and N whose bonds say it, and valences not otherwise."""
    carried = findings.carried
    return {
        label: number - carried[label]
        for label, number in by_bonds.items()
        if number >= carried[label] and abs(findings.lacking[label] - number) < UNLIKE
    }


def _count_elsewhere(findings: Findings) -> int:
    """Return how many H atoms other than O, N and C may carry."""
    cell = findings.cell
    hydridic = (x for x, symbol in cell.elements.items() if symbol in HYDRIDIC)
    count = sum(4 * cell.counts[label] for label in hydridic if may_carry(findings, label))
    fluorine = np.array(cell.symbols) == "F"
    first, second, distances = cell.neighbours
    return count + int(
        np.count_nonzero(
            fluorine[first] & fluorine[second] & (distances < SHARED_BY_FLUORINE) & (first < second)
        )
    )
