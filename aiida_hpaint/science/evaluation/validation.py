"""Validation by DFT: relaxed candidates and references, their order, matches and costs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.matching import is_match
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY
from aiida_hpaint.science.evaluation.success import estimate_rate, is_lower_energy_success
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet

__all__ = ["DftResult", "ValidatedHost", "group_by_host", "select_for_dft", "summarise_validation"]

Role = Literal["candidate", "reference"]


@dataclass(frozen=True)
class DftResult:
    """Result of one structure that DFT was asked to relax.

    Attributes
    ----------
    host, role, rank
        Index of its host among all hosts; candidate or reference; rank by the potential.
    start, end
        Structures before and after, batches of one; None where not a single step was done.
    report
        `status` (converged, not converged, failed), `energy` (eV), `message` and costs, as
        DftRelaxWorkChain reports them.
    """

    host: int
    role: Role
    rank: int
    start: StructureBatch
    end: StructureBatch | None
    report: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Name of the host."""
        return self.start.labels[0]

    @property
    def energy(self) -> float | None:
        """DFT energy in eV per atom; None where there is none."""
        energy = self.report.get("energy")
        return None if energy is None or self.end is None else energy / self.start.n_sites

    @property
    def moved(self) -> float | None:
        """Largest displacement of a site in Å, the common drift removed."""
        if self.end is None:
            return None
        shift = self.end.frac_coords - self.start.frac_coords
        shift = shift - shift[0]
        shift = shift - np.rint(shift)
        shift = (shift - shift.mean(0)) @ self.start.cells[0]
        return float(np.linalg.norm(shift, axis=1).max())

    @property
    def kept(self) -> bool | None:
        """Whether the relaxed structure still matches the starting structure."""
        return None if self.end is None else is_match(self.end, self.start)


@dataclass(frozen=True)
class ValidatedHost:
    """DFT results of one host.

    Attributes
    ----------
    candidates
        All candidates, the lowest by DFT first and those without energy last.
    reference
        Result of its reference, if there is one.
    """

    candidates: tuple[DftResult, ...]
    reference: DftResult | None

    @property
    def best(self) -> DftResult | None:
        """The lowest candidate by DFT."""
        found = self.candidates[0] if self.candidates else None
        return found if found is not None and found.energy is not None else None

    @property
    def difference(self) -> float | None:
        """Energy of the lowest candidate above the reference, eV per atom; None if unknown."""
        if self.best is None or self.reference is None:
            return None
        ours, theirs = self.best.energy, self.reference.energy
        return None if ours is None or theirs is None else ours - theirs

    def matches_before(self, result: DftResult) -> bool | None:
        """Return whether a candidate matched the reference before both were relaxed by DFT."""
        return None if self.reference is None else is_match(result.start, self.reference.start)

    def matches_after(self, result: DftResult) -> bool | None:
        """Return whether a candidate matches the reference after both were relaxed by DFT."""
        if self.reference is None or self.reference.end is None or result.end is None:
            return None
        return is_match(result.end, self.reference.end)

    @property
    def succeeds(self) -> bool:
        """Lower-energy success by DFT: the lowest candidate matches, or is below the reference."""
        if self.best is None or self.difference is None:
            return False
        matched = bool(self.matches_after(self.best))
        return bool(is_lower_energy_success([matched], [self.difference])[0])


def select_for_dft(
    samples: StructureBatch, candidates: int | None, margin: float
) -> NDArray[np.intp]:
    """Return the indices of ranked samples that DFT is to relax, host by host, the lowest first.

    Those that fail the checks of finished candidates are left out: DFT would rank them by energy.

    Parameters
    ----------
    candidates
        Largest number per host; None: all that have a rank, whatever the margin.
    margin
        Largest energy above the lowest of the host, eV per atom.
    """
    ranks, hosts = samples.scalars["rank"], samples.scalars["host"]
    chosen = (ranks >= 0) & samples.scalars.get("passes", np.ones(len(samples), dtype=np.bool_))
    if candidates is not None:
        above = samples.scalars.get("energy_above_best", np.zeros(len(samples)))
        # The lowest itself is never left out; NaN compares as within the margin.
        chosen &= (ranks < candidates) & ((ranks == 0) | ~(above > margin))
    rows = np.flatnonzero(chosen)
    return rows[np.lexsort((ranks[rows], hosts[rows]))]


def group_by_host(results: Sequence[DftResult]) -> list[ValidatedHost]:
    """Group results by host; candidates are sorted by their DFT energies."""
    found = []
    for host in sorted({result.host for result in results}):
        members = [result for result in results if result.host == host]
        candidates = [result for result in members if result.role == "candidate"]
        references = [result for result in members if result.role == "reference"]
        # Candidates without an energy come last.
        ordered = sorted(candidates, key=lambda r: (r.energy is None, r.energy or 0.0, r.rank))
        found.append(ValidatedHost(tuple(ordered), references[0] if references else None))
    return found


def summarise_validation(hosts: Sequence[ValidatedHost]) -> dict[str, Any]:
    """Return the figures of a validation as JSON.

    Returns
    -------
    mapping
        `hosts`, `with_reference` and `compared` (candidate and reference have an energy): counts;
        `match_before`, `match`, `les`: rates over compared hosts, None without any;
        `energy_difference`: mean, median, lowest and highest of the lowest candidate minus the
        reference, meV per atom; `first_stays_first`: of hosts with several candidates, the rate
        at which the potential's first is DFT's lowest (to 1 meV per atom); `failed`: label, role,
        rank and message of each structure that has no energy; `cost`: totals of structures, jobs,
        ionic steps, scf iterations and seconds of pw.x.
    """
    compared = [host for host in hosts if host.difference is not None]
    several = [h for h in hosts if sum(r.energy is not None for r in h.candidates) > 1]
    results = [r for h in hosts for r in (*h.candidates, h.reference) if r is not None]
    return {
        "hosts": len(hosts),
        "with_reference": sum(host.reference is not None for host in hosts),
        "compared": len(compared),
        "match_before": _rate([bool(h.matches_before(h.candidates[0])) for h in compared]),
        "match": _rate([bool(h.matches_after(h.candidates[0])) for h in compared]),
        "les": _rate([host.succeeds for host in compared]),
        "energy_difference": _spread([1000 * (host.difference or 0.0) for host in compared]),
        "first_stays_first": _rate([_first_is_lowest(host) for host in several]),
        "failed": [
            {
                "label": r.label,
                "role": r.role,
                "rank": r.rank,
                "message": r.report.get("message", ""),
            }
            for r in results
            if r.energy is None
        ],
        "cost": {
            "structures": len(results),
            **{name: sum(r.report.get(name) or 0 for r in results) for name in _COSTS},
        },
    }


_COSTS = ("jobs", "ionic_steps", "scf_iterations", "seconds")
"""Costs that a report sums up."""


def _first_is_lowest(host: ValidatedHost) -> bool:
    """Return whether the first candidate by the potential is the lowest by DFT, too."""
    finished = {r.rank: r.energy for r in host.candidates if r.energy is not None}
    return finished[min(finished)] - min(finished.values()) < SAME_ENERGY


def _rate(successes: list[bool]) -> dict[str, float | int] | None:
    return estimate_rate(successes).as_json() if successes else None


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "lowest": min(values),
        "highest": max(values),
    }


VALIDATION_FILENAME = "validation.csv"

COLUMNS = (
    "label",
    "host",
    "role",
    "rank",
    "dft_rank",
    "status",
    "energy",
    "energy_per_atom",
    "above_best",
    "above_reference",
    "match_before",
    "match_after",
    "kept",
    "moved",
    "max_force",
    *_COSTS,
    "kpoints",
    "symmetries",
    "magnetisation",
    "absolute_magnetisation",
    "message",
)


def tabulate_validation(hosts: Sequence[ValidatedHost]) -> list[dict[str, Any]]:
    """Return a mapping for each structure: candidates by their DFT energy, then the reference.

    Energies in eV, those that end in `per_atom` or begin with `above` in eV per atom; forces in
    eV/Å; `moved` in Å; None where a value is unknown.
    """
    return [row for host in hosts for row in _rows(host)]


def format_validation_csv(hosts: Sequence[ValidatedHost]) -> str:
    """Return the rows of `tabulate_validation` as CSV; unknown values are empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in tabulate_validation(hosts):
        writer.writerow({name: escape_for_spreadsheet(value) for name, value in row.items()})
    return buffer.getvalue()


def _rows(host: ValidatedHost) -> list[dict[str, Any]]:
    lines = []
    for place, result in enumerate(host.candidates):
        finished = result.energy is not None
        lines.append(
            {
                **_facts(result),
                "rank": result.rank,
                "dft_rank": place if finished else None,
                "above_best": _above(result, host.best),
                "above_reference": _above(result, host.reference),
                "match_before": host.matches_before(result),
                "match_after": host.matches_after(result),
            }
        )
    if host.reference is not None:
        lines.append({**_facts(host.reference), "above_best": _above(host.reference, host.best)})
    return [{name: line.get(name) for name in COLUMNS} for line in lines]


def _facts(result: DftResult) -> dict[str, Any]:
    report = result.report
    mesh = report.get("kpoints")
    told = ("status", "energy", "max_force", *_COSTS, "symmetries", "message")
    moments = ("magnetisation", "absolute_magnetisation")
    return {
        "label": result.label,
        "host": result.host,
        "role": result.role,
        "energy_per_atom": result.energy,
        "kept": result.kept,
        "moved": result.moved,
        "kpoints": None if mesh is None else "x".join(map(str, mesh)),
        **{name: report.get(name) for name in (*told, *moments)},
    }


def _above(result: DftResult, other: DftResult | None) -> float | None:
    if other is None or result.energy is None or other.energy is None:
        return None
    return result.energy - other.energy
