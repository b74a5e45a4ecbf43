"""Result of counting missing sites: a ranked list of numbers with the evidence for each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from aiida_hpaint.science.counting.phases import Phase
from aiida_hpaint.science.counting.restorations import RestorationsByCount
from aiida_hpaint.science.counting.stability import Stability, StabilityWindow
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet

EVIDENCE = ("energy", "charge", "valence")


@dataclass(frozen=True)
class RankedCount:
    """One number of missing sites, with its score and the evidence for it.

    Attributes
    ----------
    count
        Number of missing sites.
    score
        Score between 0 and 1; the scores of all numbers add up to 1. See `counting.ranking`.
    weights
        Weight from each criterion, between 0 and 1; criteria that do not apply are left out.
    energy
        Energy of the cell of the lowest candidate with an intact host, eV; None without one.
    step
        Energy of adding the last of these sites from the element's reference phase, eV.
    stability
        Formation energy and distance to the hull of the competing phases.
    window
        Chemical potentials at which this number is stable; None if there are none.
    states
        Most common oxidation states that make the crystal neutral; None if there are none.
    note
        Reason why there is no usable candidate; empty if there is one.
    """

    count: int
    score: float
    weights: Mapping[str, float]
    energy: float | None = None
    step: float | None = None
    stability: Stability | None = None
    window: StabilityWindow | None = None
    states: str | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all attributes as JSON; an infinite end of a window is None."""
        hull, window = self.stability, self.window
        edges = None if window is None else (window.low, window.high)
        return {
            "count": self.count,
            "score": self.score,
            **{f"weight_{name}": self.weights.get(name) for name in EVIDENCE},
            "energy": self.energy,
            "step": self.step,
            "formation_energy": None if hull is None else hull.formation_energy,
            "above_hull": None if hull is None else hull.above_hull,
            "decomposition": None if hull is None else dict(hull.decomposition),
            "window": None if edges is None else [e if isfinite(e) else None for e in edges],
            "states": self.states,
            "note": self.note,
        }


@dataclass(frozen=True)
class CountingResult:
    """Ranking of all numbers of missing sites that were tried.

    Attributes
    ----------
    host
        Label of the host.
    element
        Element that is missing.
    counts
        One entry for each number, the highest score first.
    votes
        Number that each criterion alone would select; None if it does not apply.
    reference
        Energy per atom (eV) of the element's reference phase; None if energies are left out.
    phases
        Competing phases.
    note
        What could not be compared, and why; empty if everything was.
    restorations
        Restorations with each number; None in a workflow, which stores them as nodes.
    """

    host: str
    element: str
    counts: tuple[RankedCount, ...]
    votes: Mapping[str, int | None]
    reference: float | None
    phases: tuple[Phase, ...] = ()
    note: str = ""
    restorations: RestorationsByCount | None = None

    @property
    def best(self) -> RankedCount:
        """Number with the highest score."""
        return self.counts[0]

    @property
    def margin(self) -> float:
        """Difference between the highest and the second highest score."""
        return self.counts[0].score - (self.counts[1].score if len(self.counts) > 1 else 0.0)

    @property
    def contradiction(self) -> str:
        """Number that each criterion selects, if they disagree; empty if they agree."""
        cast = {name: vote for name, vote in self.votes.items() if vote is not None}
        if len(set(cast.values())) < 2:
            return ""
        votes = ", ".join(f"{name} suggests {vote}" for name, vote in cast.items())
        return f"the criteria disagree: {votes}"

    @property
    def structure(self) -> StructureBatch | None:
        """Lowest candidate with the likeliest number of sites."""
        if self.restorations is None:
            return None
        return self.restorations.get_lowest(self.best.count)

    def as_json(self) -> dict[str, Any]:
        """Return everything except the structures as JSON."""
        return {
            "host": self.host,
            "element": self.element,
            "best": self.best.count,
            "margin": self.margin,
            "contradiction": self.contradiction,
            "note": self.note,
            "votes": dict(self.votes),
            "reference": self.reference,
            "counts": [count.as_json() for count in self.counts],
            "phases": [phase.as_json() for phase in self.phases],
        }


def format_counts_csv(found: Mapping[str, Any]) -> str:
    """Format the JSON of a `CountingResult` as CSV, one line for each number of sites."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(found["counts"][0]), lineterminator="\n")
    writer.writeheader()
    for row in found["counts"]:
        writer.writerow(
            {
                key: json.dumps(value)
                if isinstance(value, dict | list)
                else escape_for_spreadsheet(value)
                for key, value in row.items()
            }
        )
    return text.getvalue()
