"""All that a record says about its missing sites, before it is reconciled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.attached import (
    find_attached_evidence,
    find_row_evidence,
)
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.charges import find_charge_evidence
from aiida_hpaint.science.structures.budget.formula import find_formula_evidence
from aiida_hpaint.science.structures.budget.formula_text import has_only_water
from aiida_hpaint.science.structures.budget.labels import find_label_evidence
from aiida_hpaint.science.structures.budget.mass import find_mass_evidence
from aiida_hpaint.science.structures.budget.organic_sites import count_on_organic
from aiida_hpaint.science.structures.budget.placement import find_likely_total
from aiida_hpaint.science.structures.budget.types import Evidence
from aiida_hpaint.science.structures.budget.valences import (
    describe_lacking,
    find_lacking_valences,
)
from aiida_hpaint.science.structures.reading.expand import expand_record
from aiida_hpaint.science.structures.records import Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations


@dataclass(frozen=True)
class Findings:
    """Evidence of one record for the number of sites of an element, by its kind.

    Attributes
    ----------
    symbol
        The element.
    cell
        What the cell of the record holds.
    formulas
        Chemical formulas; without a total where they cannot be used.
    sites
        What labels and attached H say of particular sites.
    others
        What only supports or contradicts: masses, oxidation numbers, rows that hold no atom.
    is_ordered
        Whether the record was ordered, so that its formulas are estimates.
    names
        Label in the file of the sites that have another one in an ordered record.
    has_only_water
        Whether a formula has all H in water molecules, like `Cu 2+, S O4 2-, 5(H2 O)`.
    """

    symbol: str
    cell: CellContent
    formulas: tuple[Evidence, ...] = ()
    sites: tuple[Evidence, ...] = ()
    others: tuple[Evidence, ...] = ()
    is_ordered: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    has_only_water: bool = False

    @property
    def listed(self) -> int:
        """Number of sites of the element that the cell holds."""
        return self.cell.count_listed(self.symbol)

    @cached_property
    def lacking(self) -> dict[str, float]:
        """Valence that an atom of each listed O, N and C lacks without its H."""
        return find_lacking_valences(self.cell) if self.symbol == "H" else {}

    @cached_property
    def carried(self) -> dict[str, int]:
        """Number of listed H on each atom of the listed O, N and C."""
        hydrogens = self.cell.hydrogens
        return {label: round(hydrogens.get(label, 0.0)) for label in self.lacking}

    @cached_property
    def valences(self) -> tuple[Evidence, ...]:
        """What bond valences say; nothing for cells without O, N and C."""
        if not self.lacking:
            return ()
        likely, _ = find_likely_total(self.lacking, self.cell.elements, self.cell.counts)
        likely |= count_on_organic(self.cell)
        missing = {label: max(0, n - self.carried[label]) for label, n in likely.items()}
        total = sum(self.cell.counts[label] * n for label, n in missing.items()) + self.listed
        lacking = describe_lacking(self.lacking) or "no site lacks 0.6 or more"
        statement = f"valence without H (v.u.): {lacking}; {total} H in the cell fit best"
        by_site = {label: n for label, n in missing.items() if n}
        return (Evidence("bond valences", statement, float(total), by_site, is_certain=False),)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence."""
        return (*self.formulas, *self.sites, *self.others, *self.valences)


def find_evidence(
    source: Record | StructureBatch, symbol: str = "H", expected: int | None = None
) -> Findings:
    """Gather what a record says about the number of sites of an element.

    Parameters
    ----------
    source
        An ordered record, or a host without one, whose metadata may give a `formula` and `units`.
    symbol
        The element.
    expected
        Number of missing sites that a user gives; chooses among readings of labels where there is
        no formula.
    """
    if isinstance(source, Record):
        record, cell = source, CellContent.from_host(expand_record(source))
    else:
        record, cell = _make_record(source), CellContent.from_host(source)
    formulas = tuple(find_formula_evidence(record, cell, symbol))
    totals = [each.total for each in formulas if each.total is not None]
    missing = round(totals[0]) - cell.count_listed(symbol) if totals else expected
    names = record.disorder.get("sites", {})
    sites: tuple[Evidence, ...] = ()
    others = find_row_evidence(record, cell, symbol) + find_mass_evidence(record, cell, symbol)
    if symbol == "H":
        sites = (
            *find_attached_evidence(record, cell, missing),
            *find_label_evidence(cell, missing, names),
        )
        others += find_charge_evidence(record, cell)
    is_water = symbol == "H" and any(has_only_water(text) for text in record.formulas.values())
    is_ordered = bool(record.disorder)
    return Findings(symbol, cell, formulas, sites, tuple(others), is_ordered, names, is_water)


def _make_record(host: StructureBatch) -> Record:
    """Make a record of what the metadata of a host say, without listed sites."""
    metadata = host.metadata[0]
    formula, units = metadata.get("formula"), metadata.get("units")
    return Record(
        label=host.labels[0],
        source=str(metadata.get("source", "")),
        block="",
        cell=host.cells[0],
        operations=SymmetryOperations(host.cells[0], np.eye(3)[None], np.zeros((1, 3))),
        sites=(),
        formulas={"sum": str(formula)} if formula else {},
        units=float(units) if units else None,
    )
