"""The table of a validation: one line a structure that DFT was to relax."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from aiida_hpaint.science.evaluation.validation import COSTS, DftResult, ValidatedHost
from aiida_hpaint.science.structures.names import for_tables

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
    *COSTS,
    "kpoints",
    "symmetries",
    "magnetisation",
    "absolute_magnetisation",
    "message",
)


def validation_rows(hosts: Sequence[ValidatedHost]) -> list[dict[str, Any]]:
    """One mapping for each structure: candidates of a host by their DFT energy, its reference last.

    Energies in eV, those that end in `per_atom` or begin with `above` in eV per atom; forces in
    eV/Å; `moved` in Å; None where something is not known.
    """
    return [row for host in hosts for row in _rows(host)]


def validation_csv(hosts: Sequence[ValidatedHost]) -> str:
    """The same as CSV; what is not known is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in validation_rows(hosts):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return "" if value is None else for_tables(value)


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
    told = ("status", "energy", "max_force", *COSTS, "symmetries", "message")
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
