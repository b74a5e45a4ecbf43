"""Hosts whose lowest sample is not the reference, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aiida_hpaint.science.benchmark.report.runs import Run
from aiida_hpaint.science.benchmark.statistics import HostRow
from aiida_hpaint.science.benchmark.statistics.criteria import is_correct, is_success


@dataclass(frozen=True)
class Failure:
    """A host that was not restored to its reference.

    Attributes
    ----------
    row
        Row of the host.
    success
        Whether its lowest sample still counts as LES, being lower in energy.
    above
        Energy of the lowest sample above the reference, eV per atom; None without one.
    answer_above
        The same of the answer, which passes the checks if any sample does.
    status
        Status of the lowest sample; counts of all statuses if no sample was ranked.
    worst
        Largest distance of an inserted site from its site in the reference, Å; None if unknown.
    reason
        Reason in the summary.
    """

    row: HostRow
    success: bool
    above: float | None
    answer_above: float | None
    status: str
    worst: float | None
    reason: str


def find_failures(run: Run) -> list[Failure]:
    """Return hosts that do not match: first those that are no LES, the highest in energy first."""
    listed = run.summary.get("failures", ())
    reasons = {(entry["label"], entry["formula"]): entry["reason"] for entry in listed}
    missed = [row for row in run.rows if row.lowest is None or not is_correct(row, row.lowest)]
    found = [_failure(row, reasons.get((row.label, row.formula), "")) for row in missed]
    return sorted(found, key=lambda f: (f.success, -float("inf") if f.above is None else -f.above))


def count_reasons(failures: list[Failure]) -> dict[str, int]:
    """Count hosts for each reason, the commonest first."""
    return dict(Counter(failure.reason for failure in failures).most_common())


def _failure(row: HostRow, reason: str) -> Failure:
    lowest = row.lowest
    if lowest is None:
        statuses = Counter(sample.status for sample in row.samples).most_common()
        drawn = [sample.worst_inserted_unrelaxed for sample in row.samples]
        nearest = min((value for value in drawn if value is not None), default=None)
        ends = ", ".join(f"{count} {status}" for status, count in statuses)
        return Failure(row, False, None, None, ends, nearest, reason)
    success = is_success(row, lowest)
    above, worst = lowest.energy_difference, lowest.worst_inserted
    answer = None if row.answer is None else row.answer.energy_difference
    return Failure(row, success, above, answer, lowest.status, worst, reason)
