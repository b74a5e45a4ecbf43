"""Findings as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aiida_hpaint.science.databases import Finding

_SHOWN = 100
"""Most findings with a row in the table; JSON and CSV have all."""

_WIDEST = 300
"""Most characters of a reason in the table."""

_NAMES = {
    "_chemical_formula_sum": "formula",
    "UNIT": "formula",
    "_chemical_formula_moiety": "moieties",
    "_chemical_formula_structural": "structural formula",
    "_chemical_formula_weight": "weight",
    "_exptl_crystal_density": "density",
}
"""Names of evidence in the table, by how the data names in its source begin."""


def show_table(findings: Sequence[Finding]) -> None:
    """Print findings as a table."""
    from rich.table import Table

    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.science.structures import escape_control_characters

    if not findings:
        return
    table = Table()
    table.add_column("record", overflow="fold")
    table.add_column("formula", overflow="fold")
    table.add_column("H missing", justify="right")
    table.add_column("on", overflow="fold")
    table.add_column("sites", justify="right")
    table.add_column("why", overflow="fold", ratio=1)
    for finding in findings[:_SHOWN]:
        row = (
            finding.label,
            finding.formula or "-",
            _describe_number(finding),
            describe_sites(finding) or "-",
            str(finding.sites or "-"),
            _describe_reason(finding),
        )
        table.add_row(*map(escape_control_characters, row))
    print_table(table)
    if len(findings) > _SHOWN:
        click.echo(f"and {len(findings) - _SHOWN} more: --json or --csv has all", err=True)


def describe_sites(finding: Finding) -> str:
    """Return how many H are missing on each atom of a listed site, such as `OH: 1, Wat: 2`."""
    return ", ".join(f"{label}: {number}" for label, number in finding.by_site.items())


def show_json(findings: Sequence[Finding]) -> None:
    """Print findings as one list in JSON."""
    click.echo(json.dumps([finding.as_json() for finding in findings], indent=1))


def show_csv(findings: Sequence[Finding]) -> None:
    """Print findings as CSV, one line each; text that spreadsheets would run is escaped."""
    from aiida_hpaint.science.structures import escape_for_spreadsheet

    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = ("record", "source", "verdict", "formula", "missing", "listed", "on", "sites", "why")
    writer.writerow(columns)
    for finding in findings:
        row = (
            finding.label,
            finding.source,
            finding.verdict.value,
            finding.formula,
            finding.missing,
            finding.listed,
            describe_sites(finding),
            finding.sites,
            finding.reason,
        )
        writer.writerow([escape_for_spreadsheet(value) for value in row])


def _describe_reason(finding: Finding) -> str:
    """Return what the number rests on; where there is none, why."""
    if finding.verdict.value in ("missing", "complete"):
        total = finding.missing + finding.listed
        agreeing = [str(each["source"]) for each in finding.evidence if each["total"] == total]
        if agreeing:
            return ", ".join(dict.fromkeys(map(_name_evidence, agreeing)))
    reason = finding.reason
    return reason if len(reason) <= _WIDEST else f"{reason[:_WIDEST]}..."


def _name_evidence(source: str) -> str:
    return next((name for start, name in _NAMES.items() if source.startswith(start)), source)


def _describe_number(finding: Finding) -> str:
    from aiida_hpaint.science.databases import Verdict

    if finding.verdict in (Verdict.MISSING, Verdict.COMPLETE):
        return str(finding.missing)
    return "?" if finding.verdict is Verdict.UNDECIDED else "refused"
