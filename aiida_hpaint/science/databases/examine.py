"""Examination of one document: which of its records miss hydrogen, and why one thinks so."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiida_hpaint.science.databases.documents import Document
from aiida_hpaint.science.databases.findings import Finding, Verdict
from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import ISOTOPES, get_symbol, is_element
from aiida_hpaint.science.structures.errors import HostProblem
from aiida_hpaint.science.structures.inspection import Inspection, inspect_file

__all__ = ["examine_document", "examine_hosts"]

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
        with TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of isotopes, which notes repeat
            path = document.path or Path(folder) / document.filename
            if document.path is None:
                path.write_bytes(document.content)
            found = list(inspect_file(path, settings, symbol))
            return [_convert(each, document.name, symbol) for each in found]
    except Exception as error:  # one bad file among thousands must not stop the others
        reason = f"reading it failed ({type(error).__name__}: {error})"
        return [Finding(Path(document.name).stem, document.name, Verdict.REFUSED, reason)]


def _convert(inspection: Inspection, source: str, symbol: str) -> Finding:
    formula = inspection.formulas.get("sum") or next(iter(inspection.formulas.values()), "")
    symbols = {site.symbol for site in inspection.sites}
    symbols |= {each for each in _ELEMENT.findall(formula) if is_element(each)}
    about = Finding(
        label=inspection.label,
        source=source,
        verdict=Verdict.UNDECIDED if inspection.is_undecided else Verdict.REFUSED,
        reason=_join(inspection.problems),
        formula=" ".join(formula.split()),
        elements=tuple(sorted({"H" if each in ISOTOPES else each for each in symbols})),
        sites=sum(site.atoms or 0 for site in inspection.sites),
        evidence=tuple(each.as_json() for each in inspection.evidence),
        notes=inspection.notes,
    )
    budget = inspection.budget
    if budget is not None:
        return _add_budget(about, budget.as_json())
    if about.verdict is Verdict.REFUSED:
        about = replace(about, reason=f"{about.reason} {_suspect(inspection, symbol)}".strip())
    return about


def _suspect(inspection: Inspection, symbol: str) -> str:
    """Return a sentence if a record that is refused seems to miss sites, otherwise nothing."""
    names = {symbol, *(ISOTOPES if symbol == "H" else ())}
    counted = any(names & set(_ELEMENT.findall(text)) for text in inspection.formulas.values())
    if not counted or any(site.symbol in names for site in inspection.sites):
        return ""
    return f"Its formula counts {symbol}, and no such site is listed."


def _add_budget(about: Finding, budget: Mapping[str, Any]) -> Finding:
    """Return a finding with the outcome of a budget, as metadata of hosts keep it."""
    evidence: Sequence[Mapping[str, Any]] = budget.get("evidence") or ()
    certain = [each for each in evidence if each.get("is_certain", True)]
    statements = [f"{each['source']}: {each['statement']}" for each in certain or evidence]
    missing = int(budget["missing"])
    return replace(
        about,
        verdict=Verdict.MISSING if missing else Verdict.COMPLETE,
        reason="; ".join(statements),
        sites=about.sites + missing,
        missing=missing,
        listed=int(budget["listed"]),
        by_site=budget.get("by_site") or {},
        evidence=tuple(evidence),
    )


def examine_hosts(
    hosts: Iterable[StructureBatch], problems: Sequence[HostProblem], source: str, is_sound: bool
) -> list[Finding]:
    """Return what is found about structures that come from no file, and their problems.

    Parameters
    ----------
    hosts
        Hosts with the sites to insert.
    problems
        Problems of the others.
    source
        Where they are, for the user.
    is_sound
        Whether only the number of missing sites is in question where there are problems.
    """
    verdict = Verdict.UNDECIDED if is_sound else Verdict.REFUSED
    found = [Finding(each.label, source, verdict, _join([each])) for each in problems]
    for host in hosts:
        numbers = host.numbers[~host.inserted].tolist()
        about = Finding(
            host.labels[0],
            source,
            verdict,
            reason="",
            elements=tuple(sorted({get_symbol(number) for number in host.numbers.tolist()})),
            sites=len(numbers),
            notes=tuple(map(str, host.metadata[0].get("notes", ()))),
        )
        unknown = {"missing": host.insert_counts[0], "listed": numbers.count(1)}
        found.append(_add_budget(about, {**unknown, **host.metadata[0].get("budget", {})}))
    return found


def _join(problems: Sequence[HostProblem]) -> str:
    sites = [f"{each.site}: " if each.site else "" for each in problems]
    texts = [
        f"{site}{each.reason}. {each.remedy}." for site, each in zip(sites, problems, strict=True)
    ]
    shown = " ".join(dict.fromkeys(texts[:3]))
    return f"{shown} And {len(texts) - 3} more." if len(texts) > 3 else shown
