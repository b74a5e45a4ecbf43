"""Hosts that were made from a record elsewhere, and what the record says that they lack.

A structure in a database of calculations has been reduced, standardised or relaxed, and has neither
formula nor labels. Its record has both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.conversion import to_pymatgen
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.hosts import HostSource, prepare_hosts, read_hosts
from aiida_hpaint.science.structures.insertion import add_sites, remove_inserted
from aiida_hpaint.science.structures.records import Record

__all__ = ["prepare_host_of_record"]

_REMEDY = "Say what to add, for example H:4"

_LENGTHS, _SITES, _ANGLES = 0.05, 0.2, 3.0
"""How far a relaxation may have changed a structure: tolerances of pymatgen's matcher."""


def prepare_host_of_record(
    structure: HostSource,
    record: Record,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    symbol: str = "H",
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    """Return a structure with the sites that its record lacks, and the problems of both.

    The number of missing sites follows from the ratio of both cells. Labels are carried over, and
    with them the atoms that carry hydrogen, where pymatgen's matcher recognises the structure.

    Parameters
    ----------
    structure
        One structure.
    record
        Record that it was made from.
    settings
        How the record is read.
    symbol
        Element to insert.
    """
    try:
        host = read_hosts(structure)
    except HostError as error:
        return None, error.problems
    references, problems = prepare_hosts([record], symbol=symbol, settings=settings)
    if references is None:
        label = host.labels[0]
        return None, tuple(replace(each, label=f"{label} (from {each.label})") for each in problems)
    try:
        return _transfer_budget(host, references, record, symbol), ()
    except HostError as error:
        return None, error.problems


def _transfer_budget(
    host: StructureBatch, references: StructureBatch, record: Record, symbol: str
) -> StructureBatch:
    ours = _count(host)
    fitting = [
        (reference, ratio)
        for reference in references
        if (ratio := _find_ratio(ours, _count(reference), symbol)) is not None
    ]
    if not fitting:
        sites, theirs = _write_formula(ours), _write_formula(_count(references[0]))
        reason = f"its sites ({sites}) do not fit those of {record.source} ({theirs})"
        raise make_host_error(host.labels[0], reason, _REMEDY)
    reference, ratio = fitting[0]
    missing = _count_missing(host, reference, ratio, symbol)
    about = host.metadata[0]
    budget: dict[str, Any] = {
        **(reference.metadata[0].get("budget") or {}),
        "symbol": symbol,
        "missing": missing,
        "listed": ours.get(symbol, 0),
    }
    labels = _map_labels(host, reference, symbol)
    notes = [f"What is missing was read from {record.source}, of which it holds {ratio:g} cells."]
    if labels is None:
        notes.append("The sites of the record were not recognised in it: their labels are lost.")
        budget |= {"by_site": {}, "parents": [-1] * missing}
    else:
        about = {**about, "site_labels": labels}
        budget["parents"] = _list_parents(labels, budget.get("by_site") or {}, missing)
    notes = [*about.get("notes", ()), *reference.metadata[0].get("notes", ()), *notes]
    filled = add_sites(host, {symbol: missing})
    return replace(filled, metadata=({**about, "notes": notes, "budget": budget},))


def _count(host: StructureBatch) -> Counter[str]:
    """Count the atoms of each element, without those to insert."""
    return Counter(get_symbol(number) for number in host.numbers[~host.inserted].tolist())


def _find_ratio(ours: Mapping[str, int], theirs: Mapping[str, int], symbol: str) -> float | None:
    """Return how many cells of the record the structure holds; None if the elements do not fit."""
    elements = {*ours, *theirs} - {symbol}
    ratios = {ours.get(each, 0) / theirs[each] if theirs.get(each) else 0.0 for each in elements}
    found = ratios.pop() if len(ratios) == 1 else 0.0
    return found or None


def _count_missing(
    host: StructureBatch, reference: StructureBatch, ratio: float, symbol: str
) -> int:
    """Return how many sites the structure lacks.

    Raises
    ------
    HostError
        If the number is not whole, or the structure has other sites of the element than the record.
    """
    missing = ratio * int(reference.insert_counts[0])
    listed, ours = ratio * _count(reference).get(symbol, 0), _count(host).get(symbol, 0)
    if missing != round(missing):
        reason = f"{missing:g} {symbol} would be missing in it, which is no whole number"
        raise make_host_error(host.labels[0], reason, _REMEDY)
    if ours == listed + missing:
        raise make_host_error(host.labels[0], f"no {symbol} is missing in it", "Leave it out")
    if ours != listed:
        reason = f"it has {ours} {symbol}, and its record lists {listed:g} for this cell"
        raise make_host_error(host.labels[0], reason, _REMEDY)
    return round(missing)


def _map_labels(host: StructureBatch, reference: StructureBatch, symbol: str) -> list[str] | None:
    """Return the label of the listed site of each atom; None if the structures do not match."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    labels = reference.metadata[0].get("site_labels")
    if not labels:
        return None
    ours, theirs = to_pymatgen(host)[0], to_pymatgen(remove_inserted(reference))[0]
    for index, label in enumerate(labels):
        theirs[index].properties["listed"] = label
    for index in range(len(ours)):
        ours[index].properties["row"] = index
    for each in (ours, theirs):
        each.remove_species([symbol])
    matcher = StructureMatcher(
        _LENGTHS, _SITES, _ANGLES, primitive_cell=False, scale=False, attempt_supercell=True
    )
    # The matcher makes a supercell of the second structure only.
    larger, smaller = (ours, theirs) if len(ours) >= len(theirs) else (theirs, ours)
    matched = matcher.get_s2_like_s1(larger, smaller)
    if matched is None or len(matched) != len(larger):
        return None
    pairs = [(dict(a.properties), dict(b.properties)) for a, b in zip(larger, matched, strict=True)]
    found: dict[int, set[str]] = {}
    for one, other in pairs:
        both = {**one, **other}
        found.setdefault(int(both["row"]), set()).add(str(both["listed"]))
    # An atom that several sites of the record match is no basis for a statement on one of them.
    if len(found) != len(ours) or any(len(each) > 1 for each in found.values()):
        return None
    return [found[row].pop() if row in found else symbol for row in range(len(host.numbers))]


def _list_parents(labels: Sequence[str], by_site: Mapping[str, int], missing: int) -> list[int]:
    parents = [row for row, label in enumerate(labels) for _ in range(int(by_site.get(label, 0)))]
    return parents if len(parents) == missing else [-1] * missing


def _write_formula(counts: Mapping[str, int]) -> str:
    return " ".join(f"{symbol}{count}" for symbol, count in sorted(counts.items()))
