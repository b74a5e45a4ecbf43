"""The formula of an ordered record, and what ordering did to composition and charge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiida_hpaint.science.structures.budget.formula_text import has_only_water, parse_formula
from aiida_hpaint.science.structures.budget.labels import read_label
from aiida_hpaint.science.structures.disorder.exclusion import exclude
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen
from aiida_hpaint.science.structures.elements import ISOTOPES
from aiida_hpaint.science.structures.isotopes import choose_isotope
from aiida_hpaint.science.structures.records import ListedSite, Record

_FITTING = 0.1  # part of the atoms by which formula and sites may differ
_TRACE = 0.05  # part of the atoms
_WHOLE_UNITS = 0.05  # part by which the number of formula units may differ from a whole one
_COMPLETE = 0.03  # part of the hydrogen that rounding may hide
_SAME = 0.02  # atoms in the cell
_COVALENT = 1.75  # Å: O closer than that to another element is bonded to it
_ROUNDING = 0.15  # part of the unlisted H by which formula and labels may differ
_HYDROGEN_BOND = 1.3


@dataclass(frozen=True)
class Change:
    """What ordering did to the contents of the cell.

    Attributes
    ----------
    before, after
        Atoms of each element in the cell, without hydrogen.
    hydrogen
        Number of H atoms in the cell afterwards, those to be restored included; None where it
        is not known.
    charge
        By how much the charge of the cell changed, in e; None where oxidation numbers are not
        known.
    replaced
        Part of the atoms (without hydrogen) that were added, removed or replaced.
    hydrogen_before
        Number of H atoms in the cell before, by formula or list.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]
    hydrogen: float | None
    charge: float | None
    replaced: float
    hydrogen_before: float = 0.0

    def find_vanished(self, symbol: str) -> list[str]:
        """List the elements that were more than traces and are gone, without others in their place.

        Hydrogen is one of them, whatever its amount, and where it is to be inserted also with
        others in the place of its parents: no OH is left to restore where F has replaced all of it.
        """
        total = sum(self.before.values())
        lost = total - sum(self.after.values())
        gone = [
            element
            for element, amount in self.before.items()
            if amount > _TRACE * total and not self.after.get(element) and lost > amount / 2
        ]
        is_dry = self.hydrogen is not None and round(self.hydrogen) == 0
        is_dry &= round(self.hydrogen_before) > 0
        matters = symbol in ("H", *ISOTOPES) or lost > self.hydrogen_before / 4
        return gone + (["H"] if is_dry and matters else [])

    @property
    def is_none(self) -> bool:
        """Whether the contents of the cell, apart from hydrogen, are what they were."""
        elements = {*self.before, *self.after}
        return all(abs(self.before.get(e, 0) - self.after.get(e, 0)) < _SAME for e in elements)


def read_formula(record: Record) -> dict[str, float] | None:
    """Return the atoms of each element in the formula of a record; None if it has none to read."""
    try:
        return parse_formula(record.formulas["sum"])
    except (KeyError, ValueError):
        return None


def count_atoms(images: Images) -> Counter[str]:
    """Count the atoms of each element in the cell, by occupancy, hydrogen included."""
    found: Counter[str] = Counter()
    for owner in images.owners.tolist():
        site = images.record.sites[owner]
        found["H" if is_hydrogen(site) else site.symbol] += site.occupancy
    return found


def compare(before: Images, after: Images, aside: int) -> Change:
    """Compare the contents of the cell before and after ordering.

    Parameters
    ----------
    before, after : Images
        Of the record as listed and as ordered.
    aside : int
        Number of H atoms in the cell that were set aside, to be restored.
    """
    old, new = count_atoms(before), count_atoms(after)
    hydrogen = _count_hydrogen(before, after, old, new, aside)
    old_h = _total_hydrogen(before, old)
    for counts in (old, new):
        counts.pop("H", None)
    change = {e: new[e] - old[e] for e in {*old, *new}}
    charge = _change_of_charge(before, after)
    if charge is not None and hydrogen is not None:
        charge += hydrogen - (old_h if old_h is not None else hydrogen)
    replaced = max(
        sum(n for n in change.values() if n > 0), -sum(n for n in change.values() if n < 0)
    )
    total = sum(old.values())
    return Change(
        dict(old),
        dict(new),
        hydrogen,
        charge,
        replaced / total if total else 0.0,
        hydrogen_before=old_h or 0.0,
    )


def replace_formula(record: Record, change: Change) -> Record:
    """Replace the formulas of a record by the one of its ordered cell (Z = 1).

    Density and weight are those of the disordered crystal and go as well.
    """
    contents = {e: float(round(n)) for e, n in change.after.items() if round(n)}
    if change.hydrogen is None:
        return replace(record, formulas={}, units=None, density={}, weight=None)
    contents[choose_isotope(record)[0] or "H"] = float(round(change.hydrogen))
    text = " ".join(f"{e}{n:.0f}" for e, n in sorted(contents.items()) if n)
    return replace(record, formulas={"sum": text}, units=1.0, density={}, weight=None)


def _total_hydrogen(images: Images, counts: Mapping[str, float]) -> float | None:
    """Return the number of H atoms in the disordered cell that the formula gives."""
    formula = read_formula(images.record)
    if not formula:
        return None
    others = {e: n for e, n in counts.items() if e != "H"}
    total = sum(n for e, n in formula.items() if e != "H")
    if not total or not others:
        return None
    units = sum(others.values()) / total
    if round(units) and abs(units - round(units)) < _WHOLE_UNITS * units:
        units = round(units)
    off = sum(
        abs(others.get(e, 0.0) - units * formula.get(e, 0.0)) for e in {*others, *formula} - {"H"}
    )
    return units * formula.get("H", 0.0) if off <= _FITTING * sum(others.values()) else None


def _count_hydrogen(
    before: Images, after: Images, old: Counter[str], new: Counter[str], aside: int
) -> float | None:
    """Return the number of H atoms in the ordered cell: listed, set aside and not listed."""
    total, listed = _total_hydrogen(before, old), new["H"] + aside
    if total is None:
        return listed if old["H"] else None
    unlisted = total - old["H"]
    if abs(unlisted) <= max(0.5, _COMPLETE * total):
        return listed
    carried, amounts = _carried(before), _count_amounts(before)
    if any(has_only_water(text) for text in before.record.formulas.values()):
        # O that nothing but metals is bonded to is the water if there is as much of it.
        open_ = [label for label, n in carried.items() if n is None]
        if abs(2 * sum(amounts[label] for label in open_) - unlisted) <= _SAME * unlisted:
            carried |= dict.fromkeys(open_, 2)
    by_label = sum(n * (carried[label] or 0) for label, n in amounts.items())
    changes = _count_amounts(after)
    changes.subtract(amounts)
    if any(carried[label] is None and abs(n) > _SAME for label, n in changes.items()):
        return None
    # Where the labels account for what is not listed, they do so for the ordered cell, too.
    start = by_label if abs(unlisted - by_label) <= max(1.0, _ROUNDING * unlisted) else unlisted
    return max(listed + start + sum(n * (carried[e] or 0) for e, n in changes.items()), listed)


def _count_amounts(images: Images) -> Counter[str]:
    """Count the atoms of each site of the file, by its label there."""
    sources = images.record.disorder.get("sites", {})
    found: Counter[str] = Counter()
    for owner in images.owners.tolist():
        site = images.record.sites[owner]
        found[sources.get(site.label, site.label)] += site.occupancy
    return found


def _carried(images: Images) -> dict[str, int | None]:
    """Return how many unlisted H an atom of each site seems to carry; None where that is open."""
    with_h, bonded = set[int](), set[int]()
    for i, j, distance in images.pairs(_COVALENT):
        first, second = images.site(i), images.site(j)
        if is_hydrogen(first) != is_hydrogen(second) and distance < _HYDROGEN_BOND:
            with_h |= {int(images.owners[i]), int(images.owners[j])}
        elif _binds(first, second, distance):
            bonded |= {int(images.owners[i]), int(images.owners[j])}
    # Zeros alone say nothing, see `budget.attached`.
    says = any(site.attached_hydrogens for site in images.record.sites)
    found = {
        site.label: 0 if index in with_h else _by_label(site, index in bonded, says)
        for index, site in enumerate(images.record.sites)
    }
    # Where the labels of some O name their H, the others have none.
    is_named = any(found[site.label] for site in images.record.sites if site.symbol == "O")
    return {label: 0 if n is None and is_named else n for label, n in found.items()}


def _binds(first: ListedSite, second: ListedSite, distance: float) -> bool:
    """Return whether an O is bonded to the other atom, and therefore no water."""
    from pymatgen.core import Element

    symbols = {first.symbol, second.symbol}
    if "O" not in symbols or len(symbols) < 2 or is_hydrogen(first) or is_hydrogen(second):
        return False
    is_covalent = not any(Element(symbol).is_metal for symbol in symbols)
    return is_covalent and not exclude(first, second, distance)


def _by_label(site: ListedSite, is_bonded: bool, says_attached: bool) -> int | None:
    if site.attached_hydrogens is not None and says_attached:
        return site.attached_hydrogens
    reading = read_label(site.symbol, site.label)
    if reading is not None and (reading.is_certain or not is_bonded):
        return reading.options[0]
    return None if site.symbol == "O" and not is_bonded else 0


def _change_of_charge(before: Images, after: Images) -> float | None:
    charge = 0.0
    for images, sign in ((before, -1.0), (after, 1.0)):
        for owner in images.owners.tolist():
            site = images.record.sites[owner]
            if not is_hydrogen(site):
                number = guess_oxidation_number(site)
                if number is None:
                    return None
                charge += sign * site.occupancy * number
    return charge


def guess_oxidation_number(site: ListedSite) -> float | None:
    """Return the oxidation number of a site: as listed, or the only common one of its element."""
    from pymatgen.core import Element

    if site.charge is not None:
        return site.charge
    common = Element(site.symbol).common_oxidation_states
    anions = {"O": -2.0, "F": -1.0, "Cl": -1.0, "Br": -1.0, "I": -1.0, "S": -2.0, "Se": -2.0}
    if site.symbol in anions:
        return anions[site.symbol]
    return float(common[0]) if len(common) == 1 else None
