"""Audit without any potential: what hydrogen is bonded to, and how far away that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aiida_hpaint.science.audit.alerts import Alert, Level
from aiida_hpaint.science.plausibility.answers import Answer, make_answer
from aiida_hpaint.science.plausibility.hydrogen_checks import (
    check_carriers,
    check_centres,
    check_density,
    check_molecules,
    check_protonation,
    check_rules,
)
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.insertion import remove_sites
from aiida_hpaint.science.types import BoolArray, FloatArray

__all__ = ["audit_geometry"]

BOND_LENGTHS = {
    5: 1.19, 6: 1.09, 7: 1.02, 8: 0.98, 9: 0.95, 14: 1.48, 15: 1.41, 16: 1.34, 17: 1.29,
    32: 1.53, 33: 1.52, 34: 1.46, 35: 1.42, 50: 1.71, 51: 1.70, 52: 1.66, 53: 1.61,
}  # fmt: skip
"""Usual distances X-H of nuclei in Å: B, C, N and O from neutron diffraction (Allen and Bruno, Acta
Cryst. B66, 380 (2010)), others from molecules in the gas phase (CRC Handbook)."""

SHORT, TOO_SHORT = 0.93, 0.75
"""Shares of the usual length below which X-H is as X-rays see it, and below what even they see.
The electron of H is displaced into the bond by 0.1 to 0.15 Å."""

LONG = 1.2
"""Share of the usual length above which X-H is long for any hydrogen bond that is not symmetric."""

CLOSE = 1.6
"""Distance in Å of H at different atoms below which they are too close; the sum of their van der
Waals radii is 2.4, and dihydrogen bonds begin at 1.6."""

_SERIOUS = ("sites too close", "stray H2", "H bonded to nothing")
_CHECKS = (
    check_molecules,
    check_carriers,
    check_rules,
    check_centres,
    check_protonation,
    check_density,
)


def audit_geometry(structure: StructureBatch) -> list[Alert]:
    """Return alerts about the H of a complete structure, by the surroundings of these alone.

    Parameters
    ----------
    structure
        Batch of one structure.

    Raises
    ------
    HostError
        If it has no H, or nothing else.
    """
    _, complete = remove_sites(structure)
    answer = make_answer(complete, complete)
    alerts = [
        Alert(_rate(found.name, found.fails), found.name, found.detail)
        for check in _CHECKS
        for found in check(answer, CheckSettings())
    ]
    alerts += [*_check_lengths(answer), *_check_contacts(answer)]
    return sorted(alerts)


def _rate(name: str, fails: bool) -> Level:
    if not fails:
        return "C"
    return "A" if name in _SERIOUS else "B"


def _check_lengths(answer: Answer) -> Iterator[Alert]:
    """Compare the distances of H from their carriers with usual ones."""
    contacts, numbers = answer.contacts, answer.structure.numbers
    own = answer.carriers[contacts.first] == contacts.second
    usual = np.array([BOND_LENGTHS.get(int(n), np.nan) for n in numbers])[contacts.second]
    share = np.where(own, contacts.distance / usual, np.nan)
    kinds: tuple[tuple[Level, str, BoolArray], ...] = (
        ("B", "X-H too short", share < TOO_SHORT),
        ("G", "X-H as X-rays see it", (share >= TOO_SHORT) & (share < SHORT)),
        ("C", "X-H long", share > LONG),
    )
    for level, name, chosen in kinds:
        if not chosen.any():
            continue
        symbols = np.array([get_symbol(int(numbers[site])) for site in contacts.second])
        shown = ", ".join(
            _describe_lengths(symbol, contacts.distance[chosen & (symbols == symbol)])
            for symbol in np.unique(symbols[chosen]).tolist()
        )
        yield Alert(level, name, shown)


def _describe_lengths(symbol: str, lengths: FloatArray) -> str:
    low, high = f"{lengths.min():.2f}", f"{lengths.max():.2f}"
    return f"{symbol}-H {low if low == high else f'{low} to {high}'} Å ({len(lengths)} in the cell)"


def _check_contacts(answer: Answer) -> Iterator[Alert]:
    """Find H of different atoms that are closer than H may be."""
    contacts, carriers = answer.contacts, answer.carriers
    first, second = contacts.first, contacts.second
    hydrogen = (contacts.numbers[first] == 1) & (contacts.numbers[second] == 1)
    covalent = (carriers[first] >= 0) & answer.is_nonmetal[carriers[first]]
    apart = hydrogen & covalent & (carriers[first] != carriers[second])
    close = apart & (contacts.distance < CLOSE) & (first != second)
    if close.any():
        shortest = contacts.distance[close].min()
        yield Alert("B", "H of different atoms too close", f"{shortest:.2f} Å")
