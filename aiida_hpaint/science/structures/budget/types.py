"""What a record says about its missing sites, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Evidence", "HydrogenBudget"]


@dataclass(frozen=True)
class Evidence:
    """One statement of a record about its H (or about the other element to insert).

    Attributes
    ----------
    source
        Where it stands, such as `_chemical_formula_sum`, `labels`, `attached hydrogens`,
        `bond valences`.
    statement
        What it says, in words and with its values.
    total
        Number of H atoms in the whole cell that follows from it, those that are listed included;
        None where it says nothing about that.
    by_site
        Number of missing H atoms on each atom of a listed site, by the label of the site.
    assumption
        What was assumed to read it so, as a sentence; empty where nothing was.
    is_certain
        False where it only supports other evidence: labels with several meanings, densities,
        bond valences.
    """

    source: str
    statement: str
    total: float | None = None
    by_site: Mapping[str, int] = field(default_factory=dict)
    assumption: str = ""
    is_certain: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "by_site": dict(self.by_site)}


@dataclass(frozen=True)
class HydrogenBudget:
    """How many sites are missing in the cell, and which atoms carry them.

    Attributes
    ----------
    symbol
        Element of the sites: H unless another one is to be inserted.
    missing
        Number of missing sites in the cell.
    listed
        Number of sites of the element that the record lists with positions.
    by_site
        Number of missing H atoms on each atom of a listed site, by the label of the site. Sites
        that carry none are left out. Empty where it is not known which atoms carry them.
    evidence
        The statements that it rests on, and those that say nothing against it.
    assumptions
        What was assumed, one sentence each.
    """

    symbol: str
    missing: int
    listed: int
    by_site: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def doubt(self) -> str:
        """What bond valences say against a complete list, as the end of a sentence; or empty."""
        doubts = [each for each in self.evidence if each.source == "bond valences" and each.by_site]
        return "" if self.missing else "".join(f"; but {x.source}: {x.statement}" for x in doubts)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, as the metadata of hosts keep it."""
        return {
            "symbol": self.symbol,
            "missing": self.missing,
            "listed": self.listed,
            "by_site": dict(self.by_site),
            "evidence": [each.as_json() for each in self.evidence],
            "assumptions": list(self.assumptions),
        }
