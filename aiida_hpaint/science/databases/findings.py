"""Findings: whether a record of a database misses hydrogen, and why one thinks so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Filters", "Finding", "Verdict"]


class Verdict(str, Enum):
    """What was found about a record."""

    MISSING = "missing"
    """Sites are missing, and it is known how many: the record can be restored."""

    UNDECIDED = "undecided"
    """Statements contradict each other, or none says how many: somebody has to decide."""

    COMPLETE = "complete"
    """The list of sites has all that the record speaks of."""

    REFUSED = "refused"
    """It cannot serve as a host: damaged, disordered, without symmetry, ..."""


@dataclass(frozen=True)
class Finding:
    """What was found about one record.

    Attributes
    ----------
    label
        Label of the record, which its host has too.
    source
        Where it is: a path, a member of an archive, an address or a node.
    verdict
        Whether sites are missing.
    reason
        Why one thinks so, in one or several sentences.
    formula
        Formula as the record writes it; empty without one.
    elements
        Symbols of the elements of the listed sites and of the formula.
    sites
        Number of sites in the cell once restored; 0 if unknown.
    missing, listed
        Number of missing and listed sites of the element in the cell.
    by_site
        Number of missing sites on each atom of a listed site, by its label.
    evidence
        Statements of the record, as JSON of `Evidence`.
    notes
        What was assumed or dropped while reading.
    """

    label: str
    source: str
    verdict: Verdict
    reason: str
    formula: str = ""
    elements: tuple[str, ...] = ()
    sites: int = 0
    missing: int = 0
    listed: int = 0
    by_site: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "label": self.label,
            "source": self.source,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "formula": self.formula,
            "elements": list(self.elements),
            "sites": self.sites,
            "missing": self.missing,
            "listed": self.listed,
            "by_site": dict(self.by_site),
            "evidence": [dict(each) for each in self.evidence],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Filters:
    """Records that are of interest.

    Attributes
    ----------
    max_sites
        Largest number of sites in the cell, the missing ones included; None for any.
    elements
        Elements that all have to be there.
    """

    max_sites: int | None = None
    elements: frozenset[str] = frozenset()

    def accept(self, finding: Finding) -> bool:
        """Return whether a finding is of interest; what is not known counts for it."""
        if self.max_sites is not None and finding.sites > self.max_sites:
            return False
        return not finding.elements or self.elements <= set(finding.elements)
