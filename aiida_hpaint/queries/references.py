"""Hosts whose prediction is below what it was compared with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from aiida.orm import CalcFunctionNode, QueryBuilder, SinglefileData

from aiida_hpaint.queries.links import find_returning_workflows
from aiida_hpaint.science.benchmark.statistics.rows import HostRow

__all__ = ["HostBelow", "find_hosts_below_reference"]

_BENCHMARK, _VALIDATION = "compare_restored", "compare_validated"
_OUTPUTS = {_BENCHMARK: "rows", _VALIDATION: "table"}


@dataclass(frozen=True)
class HostBelow:
    """A host whose lowest candidate is below its reference.

    Attributes
    ----------
    label
        Of the host, as the table of the validation or the benchmark has it.
    by
        eV per atom that the candidate is lower by.
    matches
        Whether the two are the same crystal to pymatgen's StructureMatcher; None if unknown.
    dft
        Whether that is by density-functional theory (validation) or the potential (benchmark).
    process
        PK of the benchmark, the validation or the restoration; None where it was not returned.
    """

    label: str
    by: float
    matches: bool | None
    dft: bool
    process: int | None


def find_hosts_below_reference(by: float = 0.0, process: int | None = None) -> list[HostBelow]:
    """Hosts whose prediction is lower than the reference by more than `by`, the lowest first.

    Two queries, and one file of each benchmark and validation.

    Parameters
    ----------
    by
        eV per atom.
    process
        PK of a benchmark, of a validation, or of a restoration with one; without it, all.
    """
    query = QueryBuilder()
    query.append(
        CalcFunctionNode,
        filters={"attributes.function_name": {"in": list(_OUTPUTS)}},
        project="attributes.function_name",
        tag="comparison",
    )
    query.append(
        SinglefileData,
        with_incoming="comparison",
        edge_filters={"label": {"in": list(_OUTPUTS.values())}},
        edge_project="label",
        project="*",
    )
    files = [(node, name) for name, node, label in query.all() if _OUTPUTS[name] == label]
    returned = find_returning_workflows([node.pk or 0 for node, _ in files])
    found = [
        host
        for node, name in files
        for host in _hosts(node, name, returned.get(node.pk or 0, []))
        if host.by > by and process in (None, *returned.get(node.pk or 0, []))
    ]
    return sorted(found, key=lambda host: -host.by)


def _hosts(node: SinglefileData, function: str, workflows: list[int]) -> Iterator[HostBelow]:
    process = workflows[0] if workflows else None
    text = node.get_content("r")
    rows = _predicted(text) if function == _BENCHMARK else _validated(text)
    for label, difference, matched in rows:
        yield HostBelow(label, -difference, matched, function == _VALIDATION, process)


def _predicted(text: str) -> Iterator[tuple[str, float, bool | None]]:
    for line in text.splitlines():
        row = HostRow.model_validate_json(line)
        if row.lowest is not None and row.lowest.energy_difference is not None:
            yield row.label, row.lowest.energy_difference, row.lowest.match


def _validated(text: str) -> Iterator[tuple[str, float, bool | None]]:
    for row in csv.DictReader(io.StringIO(text)):
        if row["dft_rank"] == "0" and row["above_reference"]:
            matched = row["match_after"]
            yield row["label"], float(row["above_reference"]), _MATCH.get(matched)


_MATCH = {"True": True, "False": False}
