"""Examination of one document: which of its records miss hydrogen, and why one thinks so."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiida_hpaint.science.databases.documents import Document
from aiida_hpaint.science.databases.findings import Finding, Verdict
from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.determine import determine_budget
from aiida_hpaint.science.structures.elements import ISOTOPES, get_symbol, is_element
from aiida_hpaint.science.structures.errors import HostError, HostProblem
from aiida_hpaint.science.structures.hosts import partition_hosts, prepare_hosts
from aiida_hpaint.science.structures.reading import read_records
from aiida_hpaint.science.structures.records import Record

__all__ = ["examine_document", "examine_hosts", "examine_record"]

_ELEMENT = re.compile(r"[A-Z][a-z]?")


def examine_document(
    document: Document, settings: HostSettings, symbol: str = "H"
) -> list[Finding]:
    """Return what is found about each record of a document; nothing that it holds raises an error.

    Parameters
    ----------
    document
        The document.
    settings
        What is made of disorder, and which statement is believed.
    symbol
        Element whose missing sites are sought.
    """
    if document.problem:
        return [Finding(document.name, document.name, Verdict.REFUSED, document.problem)]
    try:
        if document.path is not None:
            return _examine_file(document.path, document.name, settings, symbol)
        with TemporaryDirectory() as folder:
            path = Path(folder) / document.filename
            path.write_bytes(document.content)
            return _examine_file(path, document.name, settings, symbol)
    except HostError as error:
        return [_refuse(document.name, error)]
    except Exception as error:  # one bad file among thousands must not stop the others
        reason = f"reading it failed ({type(error).__name__}: {error})"
        return [Finding(Path(document.name).stem, document.name, Verdict.REFUSED, reason)]


def _examine_file(path: Path, name: str, settings: HostSettings, symbol: str) -> list[Finding]:
    return [
        _refuse(name, outcome)
        if isinstance(outcome, HostError)
        else examine_record(outcome, name, settings, symbol)
        for outcome in read_records(path)
    ]


def _refuse(source: str, error: HostError) -> Finding:
    """Return the finding of a record that cannot be read."""
    label = error.problems[0].label if error.problems else Path(source).stem
    return Finding(label, source, Verdict.REFUSED, _join(error.problems))


def examine_record(
    record: Record, source: str, settings: HostSettings, symbol: str = "H"
) -> Finding:
    """Return what is found about a record, of which disorder may make several hosts.

    Parameters
    ----------
    record
        The record.
    source
        Where it is, for the user.
    settings, symbol
        As for `examine_document`.
    """
    formula = record.formulas.get("sum") or next(iter(record.formulas.values()), "")
    about = Finding(
        label=record.label,
        source=source,
        verdict=Verdict.REFUSED,
        reason="",
        formula=" ".join(formula.split()),
        elements=_list_elements(record, formula),
        notes=record.notes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of isotopes, which notes repeat
        hosts, problems = prepare_hosts([record], symbol=symbol, settings=settings)
        if hosts is not None:
            return _describe(hosts[0], about, symbol)
        # The structure itself may be sound, and complete or without a word on what it lacks.
        readable, _ = partition_hosts([record], settings=settings)
        budget = None if readable is None else _find_complete(record, settings, symbol)
    if readable is None:
        hint = _suspect(record, symbol)
        return replace(about, reason=" ".join(filter(None, (_join(problems), hint))))
    if budget is not None:
        host = replace(readable[0], metadata=({**readable.metadata[0], "budget": budget},))
        return _describe(host, about, symbol)
    sites = int(readable.site_counts[0])
    return replace(about, verdict=Verdict.UNDECIDED, reason=_join(problems), sites=sites)


def _find_complete(record: Record, settings: HostSettings, symbol: str) -> dict[str, Any] | None:
    """Return the budget of a record that lacks nothing; None if it may lack something."""
    try:
        budget = determine_budget(record, settings, symbol)
    except HostError:
        return None
    return budget.as_json() if budget.missing == 0 else None


def examine_hosts(
    hosts: StructureBatch | None,
    problems: Sequence[HostProblem],
    source: str,
    symbol: str = "H",
) -> list[Finding]:
    """Return what is found about structures that come from no file, and their problems.

    Parameters
    ----------
    hosts
        Hosts with the sites to insert; None if there are none.
    problems
        Problems of the others.
    source
        Where they are, for the user.
    symbol
        Element whose missing sites are sought.
    """
    found = [Finding(each.label, source, Verdict.REFUSED, _join([each])) for each in problems]
    for host in hosts or ():
        elements = tuple(sorted({get_symbol(number) for number in host.numbers.tolist()}))
        about = Finding(host.labels[0], source, Verdict.REFUSED, "", elements=elements)
        found.append(_describe(host, about, symbol))
    return found


def _describe(host: StructureBatch, about: Finding, symbol: str) -> Finding:
    metadata = host.metadata[0]
    budget: Mapping[str, Any] = metadata.get("budget") or {}
    evidence: Sequence[Mapping[str, Any]] = budget.get("evidence") or ()
    missing = int(host.insert_counts[0])
    numbers = host.numbers[~host.inserted].tolist()
    certain = [each for each in evidence if each.get("is_certain", True)]
    statements = [f"{each['source']}: {each['statement']}" for each in certain or evidence]
    return replace(
        about,
        verdict=Verdict.MISSING if missing else Verdict.COMPLETE,
        reason="; ".join(statements),
        sites=int(host.site_counts[0]),
        missing=missing,
        listed=[get_symbol(number) for number in numbers].count(symbol),
        by_site=budget.get("by_site") or {},
        evidence=tuple(evidence),
        notes=tuple(metadata.get("notes") or about.notes),
    )


def _suspect(record: Record, symbol: str) -> str:
    """Return a sentence if a record that is refused seems to miss sites, otherwise nothing."""
    names = {symbol, *(ISOTOPES if symbol == "H" else ())}
    listed = any(each.symbol in names and each.position is not None for each in record.sites)
    counted = any(names & set(_ELEMENT.findall(text)) for text in record.formulas.values())
    attached = any(each.attached_hydrogens for each in record.sites) and symbol == "H"
    if listed or not (counted or attached):
        return ""
    return (
        f"Its {'formula' if counted else 'sites'} speak{'s' if counted else ''} of {symbol}, "
        "and no position is listed."
    )


def _list_elements(record: Record, formula: str) -> tuple[str, ...]:
    found = {each.symbol for each in record.sites}
    found |= {symbol for symbol in _ELEMENT.findall(formula) if is_element(symbol)}
    return tuple(sorted({"H" if symbol in ISOTOPES else symbol for symbol in found}))


def _join(problems: Sequence[HostProblem]) -> str:
    sites = [f"{each.site}: " if each.site else "" for each in problems]
    texts = [
        f"{site}{each.reason}. {each.remedy}." for site, each in zip(sites, problems, strict=True)
    ]
    shown = " ".join(dict.fromkeys(texts[:3]))
    return f"{shown} And {len(texts) - 3} more." if len(texts) > 3 else shown
