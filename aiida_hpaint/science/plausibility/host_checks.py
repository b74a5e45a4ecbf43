"""Checks of the host in an answer: its bonds, how far its atoms moved, and its symmetry."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aiida_hpaint.science.plausibility.answers import Answer, Finding, Pairs, find_pairs, list_names
from aiida_hpaint.science.plausibility.carriers import NONMETALS
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import (
    describe_cell_change,
    is_same_cell,
    measure_strain,
)
from aiida_hpaint.science.structures.fixed_host import HELD
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.writing.crystal import describe_crystal
from aiida_hpaint.science.structures.writing.versions import RELAXED
from aiida_hpaint.science.types import BoolArray

__all__ = [
    "HOST_CHECKS",
    "check_bonds",
    "check_cell",
    "check_convergence",
    "check_displacements",
    "check_held",
    "check_loose_sites",
    "check_symmetry",
    "find_host_displacement",
]

BONDED = 1.2
"""Longest bond, relative to the sum of covalent radii."""

SEPARATE = 1.4
"""Shortest distance of atoms without a bond. Between the two, neither is certain."""

SEPARATE_METAL = 1.55
"""The same for bonds of metals, whose lengths vary more."""

ISOLATED = 1.6
"""Distance to the nearest neighbour beyond which an atom is bonded to nothing."""

HYDROGEN_BOND = 2.2
"""Longest hydrogen bond, relative to the sum of covalent radii: F 1.9 Å, Cl 2.9 Å, I 3.7 Å."""

_NOBLE = (2, 10, 18, 36, 54, 86)

LOOSE = 100.0
"""Volume in Å³ for each atom above which most of a cell is empty; molecular crystals have 30."""


def check_bonds(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find bonds of the host that were broken or made; those of H are its carriers."""
    before, after = answer.pairs_before, answer.pairs
    for name, old, new in (
        ("host bonds broken", before, after),
        ("new host bonds", after, before),
    ):
        for covalent, limit in ((True, SEPARATE), (False, SEPARATE_METAL)):
            lost = _find_lost(answer, old, new, limit, covalent)
            if lost.any():
                names = list_names(
                    f"{answer.name(a)}-{answer.name(b)}"
                    for a, b in zip(
                        old.first[lost].tolist(), old.second[lost].tolist(), strict=True
                    )
                )
                kind = name if covalent else name.replace("bonds", "bonds of metals")
                yield Finding(kind, names, fails=covalent)


def _find_lost(answer: Answer, old: Pairs, new: Pairs, limit: float, covalent: bool) -> BoolArray:
    """Find (P,) bonds of the old pairs that are farther apart than the limit in the new ones."""
    numbers = answer.host.numbers
    nonmetals = np.isin(numbers, NONMETALS)
    both = nonmetals[old.first] & nonmetals[old.second]
    either = nonmetals[old.first] | nonmetals[old.second]
    kind = both if covalent else either & ~both
    heavy = (numbers[old.first] != 1) & (numbers[old.second] != 1)
    near = {_key(new, place) for place in np.flatnonzero(new.ratio < limit).tolist()}
    apart = np.array([_key(old, place) not in near for place in range(len(old.first))], dtype=bool)
    return np.asarray((old.ratio < BONDED) & kind & heavy & apart)


def _key(pairs: Pairs, place: int) -> tuple[int, ...]:
    return (int(pairs.first[place]), int(pairs.second[place]), *pairs.image[place].tolist())


def find_host_displacement(answer: Answer) -> float:
    """Return the largest displacement of a host atom other than H in Å, without drift."""
    heavy = answer.host.numbers != 1
    return float(np.linalg.norm(answer.shifts[heavy], axis=1).max(initial=0.0))


def check_displacements(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Compare the displacements of host atoms other than H with the limits."""
    moved = np.linalg.norm(answer.shifts, axis=1) * (answer.host.numbers != 1)
    farthest = float(moved.max(initial=0.0))
    if farthest > settings.host_notice:
        over = np.flatnonzero(moved > settings.host_notice)
        detail = (
            f"up to {farthest:.2f} Å ({answer.list_sites(over[np.argsort(-moved[over])].tolist())})"
        )
        yield Finding("host atoms moved", detail, fails=farthest > settings.host_limit)


def check_cell(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Compare the strain of a cell that relaxed with the limits."""
    before, after = answer.host.cells[0], answer.structure.cells[0]
    strain = 0.0 if is_same_cell(before, after) else measure_strain(before, after)
    if strain > settings.strain_notice:
        detail = f"by {100 * strain:.0f} % along a direction: {describe_cell_change(before, after)}"
        yield Finding("cell strained", detail, fails=strain > settings.strain_limit)


def check_loose_sites(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find atoms of the host that are bonded to nothing, and cells that are mostly empty."""
    volume = abs(float(np.linalg.det(answer.structure.cells[0]))) / answer.structure.n_sites
    if volume > LOOSE:
        yield Finding("mostly empty cell", f"{volume:.0f} Å³ for each atom", fails=False)
    now = _find_isolated(answer, answer.pairs, answer.structure)
    before = _find_isolated(answer, answer.pairs_before, answer.host)
    if (lost := np.flatnonzero(now & ~before)).size:
        yield Finding("host atoms bonded to nothing", answer.list_sites(lost.tolist()))
    if (still := np.flatnonzero(now & before)).size:
        detail = f"{answer.list_sites(still.tolist())}, as in the host"
        yield Finding("host atoms bonded to nothing", detail, fails=False)


def _find_isolated(answer: Answer, pairs: Pairs, structure: StructureBatch) -> BoolArray:
    """Return (n,) which sites of the host have no neighbour in a structure that holds them.

    Anions in crystals of large molecules may have nothing around them but hydrogen bonds.
    """
    alone = _have_no_neighbour(pairs, pairs.ratio < ISOLATED, answer.host.n_sites)
    alone &= ~np.isin(answer.host.numbers, _NOBLE)
    if alone.any():
        wide, hydrogen = find_pairs(structure, HYDROGEN_BOND), structure.numbers == 1
        near = (wide.ratio < ISOLATED) | hydrogen[wide.first] | hydrogen[wide.second]
        alone &= _have_no_neighbour(wide, near, structure.n_sites)[: answer.host.n_sites]
    return alone


def _have_no_neighbour(pairs: Pairs, near: BoolArray, size: int) -> BoolArray:
    alone = np.ones(size, dtype=np.bool_)
    alone[pairs.first[near]] = alone[pairs.second[near]] = False
    return alone


def check_held(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Say that the host was put back, because the potential rebuilds it."""
    if held := answer.structure.metadata[0].get(HELD):
        reasons = "; ".join(held["reasons"])
        why = f"relaxing all sites would rebuild it ({reasons})"
        detail = f"{why}, so inserted sites alone are relaxed"
        yield Finding("host held as measured", detail, fails=False)


def check_symmetry(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Compare the space group of the answer, which its file has, with that of the host."""
    try:
        found = describe_crystal(answer.structure, answer.host, RELAXED)
    except ValueError:  # operations of the host that are no group: nothing to compare with
        return
    if not found.keeps_symmetry:
        symmetry = found.symmetry
        kept = f"{len(symmetry.kept)} of {symmetry.tried} operations of the host are kept"
        yield Finding("lower symmetry", f"{found.names}: {kept}", fails=False)


def check_convergence(answer: Answer, settings: CheckSettings) -> Iterator[Finding]:
    """Find candidates whose relaxation was not finished."""
    scalars = answer.structure.scalars
    if str(scalars["status"][0]) == SampleStatus.NOT_CONVERGED.value:
        force = float(scalars["max_force"][0])
        fails = not force <= settings.force_limit
        yield Finding("not converged", f"largest force {force:.2f} eV/Å", fails)


HOST_CHECKS = (check_bonds, check_displacements, check_cell, check_loose_sites)
"""Checks that say whether a host was rebuilt."""
