"""What a count of missing sites has found: a ranked list with its evidence and margins."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from aiida_hpaint.science.counting.hull import Stability
from aiida_hpaint.science.counting.phases import Phase
from aiida_hpaint.science.counting.trials import Trials
from aiida_hpaint.science.counting.windows import Window
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet

EVIDENCE = ("energy", "charge", "valence")


@dataclass(frozen=True)
class Count:
    """One number of missing sites and what speaks for it.

    Attributes
    ----------
    count
        The number.
    score
        Between 0 and 1; those of all numbers add up to 1. See `counting.ranking`.
    weights
        What each evidence says, between 0 and 1; one that says nothing of the host is left out.
    energy
        Of the lowest candidate in which the host stayed, eV of the cell; None without candidate.
    step
        Energy of adding the last one of these sites from the element's reference phase, eV.
    stability
        Formation energy and distance to the hull of the competing phases.
    window
        Chemical potentials at which the number is the stable one; None where there are none.
    states
        The commonest oxidation states that make it neutral; None where there are none.
    note
        What went wrong; empty where all is well.
    """

    count: int
    score: float
    weights: Mapping[str, float]
    energy: float | None = None
    step: float | None = None
    stability: Stability | None = None
    window: Window | None = None
    states: str | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON; an open end of a window is None."""
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
class Counting:
    """All numbers of missing sites that were tried, the likeliest first.

    Attributes
    ----------
    host
        Label of the host.
    element
        What is missing.
    counts
        One entry a number, the highest score first.
    votes
        The number that each evidence alone would choose; None where it says nothing.
    reference
        Energy per atom (eV) of the element's reference phase.
    phases
        The competing phases.
    trials
        The restorations; None where they are elsewhere, as in the nodes of a workflow.
    """

    host: str
    element: str
    counts: tuple[Count, ...]
    votes: Mapping[str, int | None]
    reference: float
    phases: tuple[Phase, ...] = ()
    trials: Trials | None = None

    @property
    def best(self) -> Count:
        """The likeliest number."""
        return self.counts[0]

    @property
    def margin(self) -> float:
        """Score of the first less that of the second."""
        return self.counts[0].score - (self.counts[1].score if len(self.counts) > 1 else 0.0)

    @property
    def contradiction(self) -> str:
        """Which evidence chooses which number, where they differ; empty where they agree."""
        cast = {name: vote for name, vote in self.votes.items() if vote is not None}
        if len(set(cast.values())) < 2:
            return ""
        said = ", ".join(f"{name} says {vote}" for name, vote in cast.items())
        return f"the evidence contradicts itself: {said}"

    @property
    def structure(self) -> StructureBatch | None:
        """The lowest candidate with the likeliest number of sites."""
        if self.trials is None:
            return None
        return self.trials.lowest(self.best.count)

    def as_json(self) -> dict[str, Any]:
        """All of it but the structures as JSON."""
        return {
            "host": self.host,
            "element": self.element,
            "best": self.best.count,
            "margin": self.margin,
            "contradiction": self.contradiction,
            "votes": dict(self.votes),
            "reference": self.reference,
            "counts": [count.as_json() for count in self.counts],
            "phases": [phase.as_json() for phase in self.phases],
        }


def counts_csv(found: Mapping[str, Any]) -> str:
    """One line a number of sites, the likeliest first, from the JSON of a `Counting`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(found["counts"][0]), lineterminator="\n")
    writer.writeheader()
    for row in found["counts"]:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else escape_for_spreadsheet(value)
