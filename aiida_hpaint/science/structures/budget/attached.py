"""Evidence of `_atom_site_attached_hydrogens`, and of rows of H that have no place in the cell."""

from __future__ import annotations

from pathlib import PurePath

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.placement import MOST
from aiida_hpaint.science.structures.budget.types import Evidence
from aiida_hpaint.science.structures.elements import ISOTOPES
from aiida_hpaint.science.structures.reading.expand import find_site_images
from aiida_hpaint.science.structures.records import ListedSite, Record

ATTACHED = "_atom_site_attached_hydrogens"

PARTIAL = "partly occupied H"
"""Source of numbers of attached H where the list has H that was set aside as disordered."""

RIDING = "AFIX and HFIX"
"""Source of numbers of attached H in SHELX files."""


def find_attached_evidence(
    record: Record, cell: CellContent, missing: int | None
) -> list[Evidence]:
    """Return what the numbers of attached H say; numbers of 0 alone are no evidence.

    By the core dictionary they leave out the H that the list has. Files that count those too are
    recognised by the number of missing H that other evidence gives, or by more H on an atom than
    it can carry. Files of bifluorides give the shared H of F-H-F to both F: numbers on F count half
    where other evidence fits that, and are uncertain otherwise.
    """
    attached = {s.label: s.attached_hydrogens for s in record.sites if s.attached_hydrogens}
    attached = {label: n for label, n in attached.items() if label in cell.counts}
    if not attached:
        return []
    unlisted = {
        label: max(0, n - round(cell.hydrogens.get(label, 0.0))) for label, n in attached.items()
    }
    assumption, by_site, source = "", attached, _name_source(record)
    sums = [sum(cell.counts[x] * n for x, n in one.items()) for one in (attached, unlisted)]
    is_crowded = any(
        n + round(cell.hydrogens.get(label, 0.0)) > MOST.get(cell.elements[label], n)
        for label, n in attached.items()
    )
    if unlisted != attached and (is_crowded or sums[1] == missing != sums[0]):
        by_site = {label: n for label, n in unlisted.items() if n}
        assumption = f"{source} counts the H that the file lists, too."
    count = sum(cell.counts[label] * n for label, n in by_site.items())
    listed = ", ".join(f"{label} {n}" for label, n in by_site.items()) or "none"
    on_fluorine = sum(cell.counts[x] * n for x, n in by_site.items() if cell.elements[x] == "F")
    if on_fluorine and missing == count - on_fluorine / 2:
        count = missing
        by_site = {label: n for label, n in by_site.items() if cell.elements[label] != "F"}
        assumption = f"{source} gives each H between two F to both of them. {assumption}".strip()
    statement = f"missing H on each atom: {listed}; {count} in the cell"
    total = float(count + cell.count_listed("H"))
    is_certain = all(cell.elements[label] in MOST for label in by_site)
    return [Evidence(source, statement, total, by_site, assumption, is_certain)]


def _name_source(record: Record) -> str:
    """Return what of the file the numbers of attached H come from."""
    if record.disorder.get("hydrogens_set_aside"):
        return PARTIAL
    is_shelx = {".res", ".ins"} & set(PurePath(record.source.lower()).suffixes)
    return RIDING if is_shelx else ATTACHED


def find_row_evidence(record: Record, cell: CellContent, symbol: str) -> list[Evidence]:
    """Return what rows of an element say that are dummies, lack positions or have occupancy 0."""
    names = ("H", *ISOTOPES) if symbol == "H" else (symbol,)
    rows = [s for s in record.sites if s.symbol in names and s.label not in cell.counts]
    if not rows:
        return []
    positions = [s for s in rows if s.position is not None and not s.is_dummy]
    total = None
    if len(positions) == len(rows):
        count = sum(_count_images(site, record) for site in rows)
        total = float(count + cell.count_listed(symbol))
    named = ", ".join(f"{site.label} ({_describe(site)})" for site in rows)
    return [Evidence("rows that hold no atom", named, total, is_certain=False)]


def _count_images(site: ListedSite, record: Record) -> int:
    return len(find_site_images(site, record.operations))


def _describe(site: ListedSite) -> str:
    if site.is_dummy:
        return "a dummy"
    return "no position" if site.position is None else "occupancy 0"
