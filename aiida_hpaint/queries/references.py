"""Hosts whose prediction is lower in energy than its reference."""

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
    """A host whose lowest candidate is lower in energy than its reference.

    Attributes
    ----------
    label
        Label of the host in the table of the validation or the benchmark.
    margin
        Energy of the reference minus that of the candidate, in eV per atom; positive.
    matches
        Whether pymatgen's StructureMatcher finds the same crystal; None if unknown.
    dft
        Whether the energies are from DFT (validation) or from the potential (benchmark).
    process
        PK of the benchmark, the validation or the restoration; None if no workflow returned it.
    """

    label: str
    margin: float
    matches: bool | None
    dft: bool
    process: int | None


def find_hosts_below_reference(margin: float = 0.0, process: int | None = None) -> list[HostBelow]:
    """Return hosts whose prediction is below the reference, by decreasing margin.

    Needs two queries, and reads one file of each benchmark and validation.

    Parameters
    ----------
    margin
        Smallest energy difference that counts, in eV per atom.
    process
        PK of a benchmark, of a validation, or of a restoration with one; by default all.
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
        for host in _read_hosts(node, name, returned.get(node.pk or 0, []))
        if host.margin > margin and process in (None, *returned.get(node.pk or 0, []))
    ]
    return sorted(found, key=lambda host: -host.margin)


def _read_hosts(node: SinglefileData, function: str, workflows: list[int]) -> Iterator[HostBelow]:
    process = workflows[0] if workflows else None
    text = node.get_content("r")
    rows = _read_benchmark(text) if function == _BENCHMARK else _read_validation(text)
    for label, difference, matches in rows:
        yield HostBelow(label, -difference, matches, function == _VALIDATION, process)


def _read_benchmark(text: str) -> Iterator[tuple[str, float, bool | None]]:
    for line in text.splitlines():
        row = HostRow.model_validate_json(line)
        if row.lowest is not None and row.lowest.energy_difference is not None:
            yield row.label, row.lowest.energy_difference, row.lowest.match


def _read_validation(text: str) -> Iterator[tuple[str, float, bool | None]]:
    for row in csv.DictReader(io.StringIO(text)):
        if row["dft_rank"] == "0" and row["above_reference"]:
            matches = {"True": True, "False": False}.get(row["match_after"])
            yield row["label"], float(row["above_reference"]), matches
