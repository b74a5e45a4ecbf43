"""What is known of the structures of a file before anything runs: their content and their H."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.determine import reconcile
from aiida_hpaint.science.structures.budget.findings import Findings, find_evidence
from aiida_hpaint.science.structures.budget.types import Evidence, HydrogenBudget
from aiida_hpaint.science.structures.checks import find_problems
from aiida_hpaint.science.structures.disorder import order_record
from aiida_hpaint.science.structures.elements import ISOTOPES
from aiida_hpaint.science.structures.errors import HostError, HostProblem, RecordError
from aiida_hpaint.science.structures.hosts import iter_hosts
from aiida_hpaint.science.structures.isotopes import choose_isotope
from aiida_hpaint.science.structures.reading import expand_record, holds_records, read_records
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.writing.space_group_names import name_group

__all__ = ["Inspection", "SiteRow", "inspect_file", "inspect_record"]


@dataclass(frozen=True)
class SiteRow:
    """One listed site.

    Attributes
    ----------
    label, symbol
        Label and element in the file.
    atoms
        Number of its atoms in the cell; 0 for rows that hold no atom, None where the structure
        cannot be used.
    occupancy
        Occupancy in the file.
    listed_h, missing_h
        Number of H on each of its atoms that the file lists, and that it lacks; None where that is
        not known.
    lacking
        Valence (v.u.) that each of its atoms lacks without H; None for elements that carry none.
    """

    label: str
    symbol: str
    atoms: int | None
    occupancy: float
    listed_h: float = 0.0
    missing_h: int | None = None
    lacking: float | None = None


@dataclass(frozen=True)
class Inspection:
    """What one structure of a file holds and lacks.

    Attributes
    ----------
    label, source, block
        Label of the host, name of its file and of its data block.
    formulas, units
        Chemical formulas and Z, as the file gives them.
    space_group
        Names of the space group in the file; number of the operations that are used, and the name
        that they make.
    sites
        The listed sites.
    disorder
        How disorder was ordered: `policy`, `changes`; empty where there is none.
    evidence
        All that says something about the number of sites to insert.
    budget
        The budget; None if it cannot be determined.
    notes
        What was assumed, dropped or changed.
    problems
        Why the structure cannot be used.
    is_undecided
        Whether the structure is sound, and only its budget is in question.
    """

    label: str
    source: str
    block: str = ""
    formulas: Mapping[str, str] = field(default_factory=dict)
    units: float | None = None
    space_group: Mapping[str, Any] = field(default_factory=dict)
    sites: tuple[SiteRow, ...] = ()
    disorder: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    budget: HydrogenBudget | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[HostProblem, ...] = ()
    is_undecided: bool = False

    def compare(self, evidence: Evidence) -> str:
        """Return whether evidence agrees with the budget: yes, no, in part or not used."""
        if evidence.total is None:
            return "not used"
        if self.budget is None:
            return "-"
        missing = evidence.total - self.budget.listed
        if abs(missing - self.budget.missing) < 1:
            return "yes"
        is_part = evidence.by_site and all(
            self.budget.by_site.get(label) == n for label, n in evidence.by_site.items()
        )
        return "in part" if is_part else "no"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "label": self.label,
            "source": self.source,
            "block": self.block,
            "formulas": dict(self.formulas),
            "units": self.units,
            "space_group": dict(self.space_group),
            "sites": [vars(site) for site in self.sites],
            "disorder": dict(self.disorder),
            "evidence": [each.as_json() for each in self.evidence],
            "budget": None if self.budget is None else self.budget.as_json(),
            "notes": list(self.notes),
            "problems": [str(problem) for problem in self.problems],
            "is_undecided": self.is_undecided,
        }


def inspect_file(
    path: str | PathLike[str],
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    symbol: str = "H",
    add: int | None = None,
) -> Iterator[Inspection]:
    """Yield what each structure of a file holds and lacks; problems are kept, not raised.

    Parameters
    ----------
    path
        A file with structures.
    settings
        What is made of disorder, and what is believed.
    symbol
        Element of the sites to insert.
    add
        Their number, if a user gives it.
    """
    source = Path(path)
    if not holds_records(source):
        for host in iter_hosts(source, settings):
            if isinstance(host, HostError):
                yield _report(source.name, host)
            else:
                yield replace(_inspect(host, host, settings, symbol, add), source=source.name)
        return
    for record in read_records(source):
        if isinstance(record, HostError):
            yield _report(source.name, record)
        else:
            yield from inspect_record(record, settings, symbol, add)


def inspect_record(
    record: Record,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    symbol: str = "H",
    add: int | None = None,
) -> Iterator[Inspection]:
    """Yield what each ordered structure of a record holds and lacks, as `inspect_file` does."""
    try:
        ordered = order_record(record, settings.disorder, symbol)
    except HostError as error:
        yield replace(_describe_record(record), problems=error.problems)
        return
    for one in ordered:
        try:
            yield _inspect(one, expand_record(one), settings, symbol, add, record)
        except HostError as error:
            yield replace(_describe_record(one), problems=error.problems)


def _report(source: str, error: HostError) -> Inspection:
    known = Inspection(error.problems[0].label, source, problems=error.problems)
    if not isinstance(error, RecordError):
        return known
    return replace(known, block=error.name, formulas=error.formulas, units=error.units)


def _inspect(
    one: Record | StructureBatch,
    host: StructureBatch,
    settings: HostSettings,
    symbol: str,
    add: int | None,
    record: Record | None = None,
) -> Inspection:
    """Inspect a host, with its ordered record and its record in the file where it has them."""
    findings = find_evidence(one, symbol, add)
    budget, problems = None, tuple(find_problems(host))
    is_sound = not problems
    if is_sound:
        try:
            budget = reconcile(host.labels[0], findings, settings, add)
        except HostError as error:
            problems = error.problems
    known = Inspection(host.labels[0], str(host.metadata[0].get("source", "")))
    if isinstance(one, Record):
        known = _describe_record(one, record or one)
    notes = [*map(str, host.metadata[0].get("notes", ())), *(budget.assumptions if budget else ())]
    if symbol == "H" and (budget is None or budget.missing):
        notes.append(choose_isotope(record or one)[1])
    return replace(
        known,
        sites=_list_sites(findings, budget, record),
        evidence=findings.evidence,
        budget=budget,
        notes=tuple(note for note in notes if note),
        problems=problems,
        is_undecided=is_sound and budget is None,
    )


def _describe_record(record: Record, listed: Record | None = None) -> Inspection:
    """Describe an ordered record, with formulas and names of what its file lists."""
    listed = listed or record
    names = listed.space_group
    return Inspection(
        record.label,
        record.source,
        record.block,
        listed.formulas,
        listed.units,
        {
            "hermann_mauguin": names.hermann_mauguin,
            "hall": names.hall,
            "number": names.number,
            "operations": len(record.operations),
            "operations_make": str(name_group(record.operations)),
        },
        tuple(SiteRow(s.label, s.symbol, None, s.occupancy) for s in record.sites),
        record.disorder,
        notes=record.notes,
    )


def _list_sites(
    findings: Findings, budget: HydrogenBudget | None, record: Record | None
) -> tuple[SiteRow, ...]:
    """Return the sites of the host, then the rows of the file that it does not hold."""
    cell = findings.cell
    listed: dict[str, ListedSite] = {s.label: s for s in record.sites} if record else {}
    is_known = budget is not None and (
        sum(cell.counts[label] * n for label, n in budget.by_site.items()) == budget.missing
    )
    names = {label: findings.names.get(label, label) for label in cell.elements}
    rows = []
    for label, symbol in cell.elements.items():
        in_file = listed.get(names[label])
        isotope = in_file.symbol if in_file and in_file.symbol in ISOTOPES else symbol
        missing = budget.by_site.get(label, 0 if is_known else None) if budget else None
        lacking = findings.lacking.get(label)
        rows.append(
            SiteRow(
                label,
                isotope,
                cell.counts[label],
                in_file.occupancy if in_file else 1.0,
                round(cell.hydrogens.get(label, 0.0), 3),
                missing if symbol != "H" else None,
                None if lacking is None else float(np.round(lacking, 2)),
            )
        )
    left_out = [site for label, site in listed.items() if label not in names.values()]
    rows += [SiteRow(site.label, site.symbol, 0, site.occupancy) for site in left_out]
    return tuple(rows)
