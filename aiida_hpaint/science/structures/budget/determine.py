"""Determination of budgets: evidence is reconciled, and contradictions are errors."""

from __future__ import annotations

from collections.abc import Mapping

from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.carriers import list_carriers, may_carry
from aiida_hpaint.science.structures.budget.claims import Claim, collect_claims, quote
from aiida_hpaint.science.structures.budget.findings import Findings, find_evidence
from aiida_hpaint.science.structures.budget.plausible_sites import (
    find_overfull,
    find_suspicion,
    find_unstated,
    has_room,
    place_missing,
)
from aiida_hpaint.science.structures.budget.types import Evidence, HydrogenBudget
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.records import Record
from aiida_hpaint.science.wording import format_count


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
    return reconcile(label, find_evidence(source, symbol, add), settings, add)


def reconcile(
    label: str, findings: Findings, settings: HostSettings, add: int | None
) -> HydrogenBudget:
    """Return the budget that follows from evidence, as `determine_budget` does."""
    symbol = findings.symbol
    if settings.budget and symbol == "H":
        return _take_given(label, findings, settings.budget, add, settings.trust)
    claims = collect_claims(findings)
    if add is not None:
        return _take_number(label, findings, claims, add, settings.trust)
    claim = _choose_claim(label, findings, claims, settings.trust)
    if claim.missing < 0:
        reason = f"it has {findings.listed} {symbol}, but {quote(claim.evidence)}"
        if full := find_overfull(findings):
            reason += f"; more than its bonds have room for is on {', '.join(full[:6])}"
        raise make_host_error(label, reason, "Correct formula, Z or sites in the file")
    if claim.trust == "formula" and settings.trust is None and find_unstated(findings):
        raise _ask_of_unstated(label, findings, claim)
    suspicion = find_suspicion(findings, claim.missing)
    if suspicion and settings.trust is None:
        reason = f"{quote(claim.evidence)}, {findings.listed} of them listed, but {suspicion}"
        raise make_host_error(label, reason, _offer({claim.trust: claim.missing}, symbol))
    ignored = [
        f"{quote(each.evidence)}: not believed, as asked for"
        for each in claims
        if each.trust != claim.trust and each.missing != claim.missing and settings.trust
    ]
    return _make_budget(findings, claim.missing, [claim.evidence.assumption, *ignored])


def _choose_claim(label: str, findings: Findings, claims: list[Claim], trust: str | None) -> Claim:
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
            reason = f"{quote(first.evidence)}, but {quote(other.evidence)}"
            choices = {first.trust: first.missing, other.trust: other.missing}
            raise make_host_error(label, reason, _offer(choices, findings.symbol))
    return first


def _take_number(
    label: str, findings: Findings, claims: list[Claim], add: int, trust: str | None
) -> HydrogenBudget:
    """Return the budget of a number that the user gives, unless the record contradicts it.

    A formula without the element is no contradiction: programs write that of the listed sites.
    """
    claims = [claim for claim in claims if claim.evidence.source != "bond valences"]
    agreeing = [claim for claim in claims if claim.missing == add]
    against = [claim for claim in claims if claim.missing != add and claim.evidence.total]
    partial = [c for c in against if c.trust == "labels" and c.missing < add]
    if against and not agreeing and against != partial and trust != "add":
        claim = against[0]
        asked = f"--add {findings.symbol}:{add}"
        says = (
            format_count(claim.missing, "is missing", "are missing")
            if claim.missing > 0
            else "nothing is missing"
        )
        reason = f"{asked} contradicts its file: {quote(claim.evidence)}, so that {says}"
        remedy = f"Leave --add out, or insist with {asked} --trust add"
        raise make_host_error(label, reason, remedy)
    notes = [f"{findings.symbol}:{add} was given (--add)"] if not agreeing else []
    notes += [f"{quote(claim.evidence)}: not believed, as --add chooses" for claim in against]
    notes += [f"{quote(each)}: not used" for each in findings.formulas if not each.total]
    return _make_budget(findings, add, notes)


def _take_given(
    label: str, findings: Findings, budget: Mapping[str, int], add: int | None, trust: str | None
) -> HydrogenBudget:
    """Return the budget that the user gives by site, unless these sites carry no H."""
    elements = findings.cell.elements
    counts = {x: n for x, n in findings.cell.counts.items() if elements[x] != "H"}
    by_site = {
        name: budget[findings.names.get(name, name)]
        for name in counts
        if findings.names.get(name, name) in budget
    }
    named = {findings.names.get(name, name) for name in by_site}
    carriers = ", ".join(list_carriers(findings)[:20])
    remedy = f"Name sites that may carry H: {carriers or ', '.join(list(counts)[:20])}"
    unknown = [x for x in budget if x not in named]
    if unknown:
        raise make_host_error(label, f"it has no site {', '.join(unknown)} (--budget)", remedy)
    by_site = {name: n for name, n in by_site.items() if n}
    odd = [f"{name} ({elements[name]})" for name in by_site if not may_carry(findings, name)]
    if odd and carriers and trust != "add":
        reason = f"--budget puts H on {', '.join(odd)}, which has no covalent bond for it"
        raise make_host_error(label, reason, f"{remedy}. Or insist with --trust add")
    missing = sum(counts[name] * n for name, n in by_site.items())
    if add is not None and add != missing:
        reason = f"--budget makes {missing} H in the cell, --add says {add}"
        raise make_host_error(label, reason, "Give one of them")
    given = ", ".join(f"{name}:{n}" for name, n in budget.items())
    notes = [f"{missing} H were given by site (--budget {given})"]
    if odd:
        notes.append(f"--budget puts H on {', '.join(odd)}, which has no covalent bond for it")
    notes += [
        f"{quote(claim.evidence)}: not believed, as --budget chooses"
        for claim in collect_claims(findings)
        if claim.missing != missing
    ]
    evidence = findings.evidence
    return HydrogenBudget("H", missing, findings.listed, by_site, evidence, _finish(notes))


def _make_budget(findings: Findings, missing: int, notes: list[str]) -> HydrogenBudget:
    """Return the budget of a number, with the sites that are known or follow from it."""
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
    weak = [each for each in findings.sites if not each.is_certain]
    assumptions += [
        f"{quote(each)}: not used, as {_explain_weak(findings, each, missing)}"
        for each in weak
        if any(by_site.get(site) != n for site, n in each.by_site.items())
    ]
    evidence = findings.evidence
    return HydrogenBudget(
        findings.symbol, missing, findings.listed, by_site, evidence, _finish(assumptions)
    )


def _explain_weak(findings: Findings, weak: Evidence, missing: int) -> str:
    """Return why uncertain evidence of sites is left open."""
    if weak.total == missing + findings.listed:
        return "only its sum is certain"
    if sum(findings.cell.counts[label] * n for label, n in weak.by_site.items()) <= missing:
        return "it is not certain"
    return f"it does not fit the number of missing {findings.symbol}"


def _finish(sentences: list[str]) -> tuple[str, ...]:
    given = dict.fromkeys(text for text in sentences if text)
    return tuple(text if text.endswith(".") else f"{text}." for text in given)


def _offer(choices: Mapping[str, int], symbol: str) -> str:
    """Return the options that choose among the sides of a contradiction."""
    trust = " or ".join(f"--trust {name}" for name in choices)
    counts = " or ".join(f"--add {symbol}:{n}" for n in dict.fromkeys(choices.values()) if n > 0)
    more = f", {counts}" if counts else ""
    return f"Choose with {trust}{more}, or say where with --budget LABEL:N"


def _ask(label: str, findings: Findings) -> HostError:
    """Return the error of a record that does not say how many sites it lacks."""
    unusable = [quote(each) for each in findings.formulas]
    hints = (*findings.sites, *findings.others, *findings.valences)
    reason = "; ".join(unusable) or f"its file does not say how many {findings.symbol} it lacks"
    remedy = f"Say how many with --add {findings.symbol}:N, or where with --budget LABEL:N"
    if hints:
        remedy += f". It says: {'; '.join(quote(each) for each in hints)}"
    if any(each.by_site for each in findings.valences):
        remedy += f", as with {' or '.join(_suggest(findings))}"
    return make_host_error(label, reason, remedy)


def _suggest(findings: Findings) -> tuple[str, str]:
    """Return the options that give what fits bond valences best."""
    (valences,) = findings.valences
    fitting = round(valences.total or 0) - findings.listed
    by_site = ",".join(f"{findings.names.get(x, x)}:{n}" for x, n in valences.by_site.items())
    return f"--add H:{fitting}", f"--budget {by_site}"


def _ask_of_unstated(label: str, findings: Findings, claim: Claim) -> HostError:
    """Return the error of a formula that repeats sites to which bond valences miss H."""
    (valences,) = findings.valences
    reason = (
        f"it does not say whether H is missing: {quote(claim.evidence)}, which may only repeat the "
        f"listed sites, and {quote(valences)}"
    )
    number, places = _suggest(findings)
    remedy = f"Say how many with {number}, or where with {places}"
    return make_host_error(label, reason, f"{remedy}; if none is missing, --trust formula")
