"""Numbers of missing sites that the evidence of a record claims."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aiida_hpaint.science.structures.budget.attached import ATTACHED, PARTIAL, RIDING
from aiida_hpaint.science.structures.budget.findings import Findings
from aiida_hpaint.science.structures.budget.plausible_sites import (
    find_overfull,
    has_room,
    is_complete,
)
from aiida_hpaint.science.structures.budget.types import Evidence

MOLECULAR = 1.1
"""Valence (v.u.) beyond O without H (0.8 at most in 107 crystals), below that of water (1.4)."""


@dataclass(frozen=True)
class Claim:
    """Number of missing sites, and its evidence.

    Attributes
    ----------
    missing
        The number.
    trust
        What has to be trusted to take it: the formula, or statements about sites (labels).
    evidence
        The evidence.
    """

    missing: int
    trust: str
    evidence: Evidence


def collect_claims(findings: Findings) -> list[Claim]:
    """Return the numbers that formulas and sites claim, the formula of the sum first.

    Labels with several meanings (Ow) claim theirs against a formula where bond valences agree.
    Bond valences replace a formula that leaves out listed atoms or H, or that is only an estimate
    for an ordered record, where they say that the list is complete or agree with all labels.
    """
    formulas = [
        Claim(round(each.total) - findings.listed, "formula", each)
        for each in findings.formulas
        if each.total is not None
    ]
    sites = [
        Claim(round(each.total) - findings.listed, "labels", each)
        for each in findings.sites
        if each.is_certain and each.total is not None
    ]
    instead = _replace_formula(findings, formulas)
    if instead is not None:
        return [instead]
    if formulas:
        return formulas + sites + _find_supported(findings)
    assumption = "No formula can be used: only the named sites were taken to carry H."
    return [
        replace(claim, evidence=replace(claim.evidence, assumption=assumption))
        for claim in sites
        if _may_be_all(findings, claim)
    ]


def _replace_formula(findings: Findings, formulas: list[Claim]) -> Claim | None:
    """Return what bond valences say, if that replaces the formula."""
    if not findings.valences or any(e.is_certain and e.total is None for e in findings.formulas):
        return None
    (valences,) = findings.valences
    counted = formulas[0].missing if formulas else None
    about = "No formula fits the sites" if findings.formulas else "There is no formula"
    about = about if counted is None else quote(formulas[0].evidence)
    is_estimate = counted is not None and findings.is_ordered and not _has_support(findings)
    if is_complete(findings) and (
        counted is None
        or (counted < 0 and not find_overfull(findings))
        or (is_estimate and counted > 0 and not has_room(findings, counted, {}))
    ):
        text = f"{about}: the list of H is taken as complete, as bond valences say"
        total = float(findings.listed)
        return Claim(0, "labels", replace(valences, total=total, assumption=f"{text}."))
    named = sum(
        findings.cell.counts[label] * n
        for each in findings.sites
        for label, n in each.by_site.items()
    )
    fitting = round(valences.total or 0) - findings.listed
    if is_estimate and counted != named == fitting > 0:
        text = f"{about}, an estimate for the ordered cell: labels and bond valences are believed"
        return Claim(named, "labels", replace(valences, assumption=f"{text}."))
    return None


def _find_supported(findings: Findings) -> list[Claim]:
    """Return what uncertain labels say that bond valences support."""
    fitting = {each.total for each in findings.valences}
    return [
        Claim(round(each.total) - findings.listed, "labels", each)
        for each in findings.sites
        if not each.is_certain and each.total is not None and each.total in fitting
    ]


def _has_support(findings: Findings) -> bool:
    """Return whether oxidation numbers agree with a formula."""
    totals = {each.total for each in findings.formulas if each.total is not None}
    return any(e.source == "oxidation numbers" and e.total in totals for e in findings.others)


def _may_be_all(findings: Findings, claim: Claim) -> bool:
    """Return whether the sites of a claim may be all that carry missing H, without a formula.

    Numbers of attached H are meant so, unless another O or N is water or ammonium by its bonds:
    riding H of a SHELX file leave these out. Labels name only some atoms, so that bond valences
    have to agree; a formula that fits another Z than the file's forbids to use them.
    """
    if any(each.is_certain for each in findings.formulas):
        return False
    if claim.evidence.source in (ATTACHED, PARTIAL, RIDING):
        return not any(
            lacking > MOLECULAR
            and findings.cell.elements[label] in ("O", "N")
            and not findings.carried[label]
            and label not in claim.evidence.by_site
            for label, lacking in findings.lacking.items()
        )
    return all(each.total == claim.evidence.total for each in findings.valences)


def quote(evidence: Evidence) -> str:
    """Return the source and the statement of evidence."""
    return f"{evidence.source}: {evidence.statement}"
