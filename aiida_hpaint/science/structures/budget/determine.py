"""Determination of budgets: evidence is reconciled, and contradictions are errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.attached import ATTACHED
from aiida_hpaint.science.structures.budget.findings import Findings, find_evidence
from aiida_hpaint.science.structures.budget.plausible_sites import (
    find_suspicion,
    has_room,
    place_missing,
)
from aiida_hpaint.science.structures.budget.types import Evidence, HydrogenBudget
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.records import Record


@dataclass(frozen=True)
class _Claim:
    """Number of missing sites, whether sites or formula say it, and its evidence."""

    missing: int
    trust: str
    evidence: Evidence


def determine_budget(
    source: Record | StructureBatch,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    symbol: str = "H",
    add: int | None = None,
) -> HydrogenBudget:
    """Determine how many sites a record lacks, and which of its atoms carry them.

    Parameters
    ----------
    source
        An ordered record, or a host whose file has none (a batch of one structure).
    settings
        A budget by site that the user gives, and what is believed in contradictions.
    symbol
        Element of the missing sites.
    add
        Number of sites to insert that the user gives.

    Raises
    ------
    HostError
        If the record does not say how many, or contradicts itself or `add`; the message has both
        sides, and the options that choose.
    """
    label = source.label if isinstance(source, Record) else source.labels[0]
    findings = find_evidence(source, symbol, add)
    if settings.budget and symbol == "H":
        return _take_given(label, findings, settings.budget, add)
    claims = _collect_claims(findings)
    if add is not None:
        return _take_number(label, findings, claims, add, settings.trust)
    claim = _choose_claim(label, findings, claims, settings.trust)
    if claim.missing < 0:
        reason = f"it has {findings.listed} {symbol}, but {_quote(claim.evidence)}"
        raise make_host_error(label, reason, "Correct formula, Z or sites in the file")
    suspicion = find_suspicion(findings, claim.missing)
    if suspicion and settings.trust is None:
        reason = f"{_quote(claim.evidence)}, {findings.listed} of them listed, but {suspicion}"
        raise make_host_error(label, reason, _offer({claim.trust: claim.missing}, symbol))
    ignored = [
        f"{_quote(each.evidence)}: not believed, as asked for"
        for each in claims
        if each.trust != claim.trust and each.missing != claim.missing and settings.trust
    ]
    return _make_budget(findings, claim.missing, claim.trust, ignored)


def _collect_claims(findings: Findings) -> list[_Claim]:
    """Return the numbers that formulas and sites give, the formula of the sum first."""
    formulas = [
        _Claim(round(each.total) - findings.listed, "formula", each)
        for each in findings.formulas
        if each.total is not None
    ]
    sites = [
        _Claim(round(each.total) - findings.listed, "labels", each)
        for each in findings.sites
        if each.is_certain and each.total is not None
    ]
    return formulas + [claim for claim in sites if formulas or _may_be_all(findings, claim)]


def _may_be_all(findings: Findings, claim: _Claim) -> bool:
    """Return whether the sites of a claim may be all that carry missing H, without a formula.

    Numbers of attached H are meant so. Labels name only some atoms, so that bond valences have to
    agree, and a formula that contradicts Z or leaves out listed atoms forbids to use them.
    """
    if any(each.is_certain for each in findings.formulas):
        return False
    if claim.evidence.source == ATTACHED:
        return True
    return all(each.total == claim.evidence.total for each in findings.valences)


def _choose_claim(
    label: str, findings: Findings, claims: list[_Claim], trust: str | None
) -> _Claim:
    """Return the claim that the others agree with, or that is trusted.

    Sites that carry less than the formula says are no contradiction if others have room for the
    rest. A complete list of sites is not contradicted by labels.
    """
    trusted = [claim for claim in claims if claim.trust == trust] or claims
    if not trusted:
        raise _ask(label, findings)
    first = trusted[0]
    for other in trusted[1:]:
        is_partial = other.trust == "labels" and (
            other.missing < first.missing
            and has_room(findings, first.missing, other.evidence.by_site)
        )
        is_complete = other.trust == "labels" and first.missing == 0 and findings.listed > 0
        if other.missing != first.missing and not (is_partial or is_complete):
            reason = f"{_quote(first.evidence)}, but {_quote(other.evidence)}"
            choices = {first.trust: first.missing, other.trust: other.missing}
            raise make_host_error(label, reason, _offer(choices, findings.symbol))
    return first


def _take_number(
    label: str, findings: Findings, claims: list[_Claim], add: int, trust: str | None
) -> HydrogenBudget:
    """Return the budget of a number that the user gives, unless the record contradicts it."""
    agreeing = [claim for claim in claims if claim.missing == add]
    against = [claim for claim in claims if claim.missing != add]
    partial = [c for c in against if c.trust == "labels" and c.missing < add]
    if against and not agreeing and against != partial and trust != "add":
        claim = against[0]
        asked = f"--add {findings.symbol}:{add}"
        says = f"{claim.missing} are missing" if claim.missing > 0 else "nothing is missing"
        reason = f"{asked} contradicts its file: {_quote(claim.evidence)}, so that {says}"
        remedy = f"Leave --add out, or insist with {asked} --trust add"
        raise make_host_error(label, reason, remedy)
    notes = [f"{findings.symbol}:{add} was given (--add)"] if not agreeing else []
    notes += [f"{_quote(claim.evidence)}: not believed, as --add chooses" for claim in against]
    notes += [f"{_quote(each)}: not used" for each in findings.formulas if each.total is None]
    is_sites = any(claim.trust == "labels" for claim in agreeing) or bool(partial)
    return _make_budget(findings, add, "labels" if is_sites else "formula", notes)


def _take_given(
    label: str, findings: Findings, budget: Mapping[str, int], add: int | None
) -> HydrogenBudget:
    """Return the budget that the user gives by site."""
    counts = {x: n for x, n in findings.cell.counts.items() if findings.cell.elements[x] != "H"}
    by_site = {
        name: budget[findings.names.get(name, name)]
        for name in counts
        if findings.names.get(name, name) in budget
    }
    unknown = [x for x in budget if x not in {findings.names.get(name, name) for name in by_site}]
    if unknown:
        remedy = f"Name sites that may carry H: {', '.join(list(counts)[:20])}"
        raise make_host_error(label, f"it has no site {', '.join(unknown)} (--budget)", remedy)
    missing = sum(counts[name] * n for name, n in by_site.items())
    if add is not None and add != missing:
        reason = f"--budget makes {missing} H in the cell, --add says {add}"
        raise make_host_error(label, reason, "Give one of them")
    given = ", ".join(f"{name}:{n}" for name, n in budget.items())
    notes = [f"{missing} H were given by site (--budget {given})"]
    notes += [
        f"{_quote(claim.evidence)}: not believed, as --budget chooses"
        for claim in _collect_claims(findings)
        if claim.missing != missing
    ]
    by_site = {name: n for name, n in by_site.items() if n}
    evidence = findings.evidence
    return HydrogenBudget("H", missing, findings.listed, by_site, evidence, _finish(notes))


def _make_budget(findings: Findings, missing: int, trust: str, notes: list[str]) -> HydrogenBudget:
    known: dict[str, int] = {}
    for each in findings.sites:
        if each.is_certain:
            known = {**each.by_site, **known}
    counts = findings.cell.counts
    if sum(counts[label] * n for label, n in known.items()) > missing:
        known = {}
    by_site, placed = place_missing(findings, missing, known)
    used = [each for each in (*findings.formulas, *findings.sites) if each.assumption]
    assumptions = [each.assumption for each in used] + placed + notes
    if trust == "labels" and not any(each.total is not None for each in findings.formulas):
        assumptions.append("No formula can be used: only the named sites were taken to carry H")
    weak = [each for each in findings.sites if not each.is_certain]
    assumptions += [
        f"{_quote(each)}: not used, which the number does not support"
        for each in weak
        if each.total != missing + findings.listed
    ]
    evidence = findings.evidence
    return HydrogenBudget(
        findings.symbol, missing, findings.listed, by_site, evidence, _finish(assumptions)
    )


def _finish(sentences: list[str]) -> tuple[str, ...]:
    return tuple(text if text.endswith(".") else f"{text}." for text in dict.fromkeys(sentences))


def _quote(evidence: Evidence) -> str:
    return f"{evidence.source}: {evidence.statement}"


def _offer(choices: Mapping[str, int], symbol: str) -> str:
    """Return the options that choose among the sides of a contradiction."""
    trust = " or ".join(f"--trust {name}" for name in choices)
    counts = " or ".join(f"--add {symbol}:{n}" for n in dict.fromkeys(choices.values()) if n > 0)
    more = f", {counts}" if counts else ""
    return f"Choose with {trust}{more}, or say where with --budget LABEL:N"


def _ask(label: str, findings: Findings) -> HostError:
    """Return the error of a record that does not say how many sites it lacks."""
    unusable = [_quote(each) for each in findings.formulas]
    hints = (*findings.sites, *findings.others, *findings.valences)
    reason = "; ".join(unusable) or f"its file does not say how many {findings.symbol} it lacks"
    remedy = f"Say how many with --add {findings.symbol}:N, or where with --budget LABEL:N"
    if hints:
        remedy += f". It says: {'; '.join(_quote(each) for each in hints)}"
    return make_host_error(label, reason, remedy)
