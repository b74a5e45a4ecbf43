"""What density-functional theory did with a structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import Dict, ProcessNode, QueryBuilder, StructureData, load_node

from aiida_hpaint.queries.ancestors import find_ancestor_jobs
from aiida_hpaint.queries.links import find_inputs
from aiida_hpaint.queries.provenance_record import (
    KIND_RESTORED_BY_DFT,
    DftResult,
    HostRecord,
    ProvenanceRecord,
)

__all__ = ["read_dft_result", "trace_dft_restoration"]


def read_dft_result(chain: int) -> DftResult:
    """What a DftRelaxWorkChain reports, and its settings."""
    return _relaxed(_reported(chain), _values(chain).get("settings", {}))


def trace_dft_restoration(node: StructureData, chain: int, process: int | None) -> ProvenanceRecord:
    """The record of what RestoreHydrogenWorkChain returned."""
    inputs = find_inputs(chain)
    report = _reported(chain)
    values = _values(chain)
    settings: dict[str, Any] = {
        name: values[name] for name in ("peaks", "pinball") if name in values
    }
    host: Any = load_node(inputs["structure"][0])
    placed = int(report.get("count", 0)) - int(report.get("missing", 0))
    return ProvenanceRecord(
        pk=node.pk or 0,
        uuid=node.uuid,
        label=host.label or host.get_formula(),
        formula=node.get_formula(),
        kind=KIND_RESTORED_BY_DFT,
        role="candidate",
        host=HostRecord(
            label=host.label or host.get_formula(),
            host_index=0,
            pk=host.pk or 0,
            uuid=host.uuid,
            source={},
            structure=host.pk,
        ),
        sample=None,
        inserted={str(report.get("element", "")): placed} if placed else {},
        version=None,
        seed=None,
        model=None,
        potential=None,
        settings={},
        dft=_relaxed({**report, **report.get("final", {})}, settings),
        jobs=tuple(find_ancestor_jobs([node.pk or 0])),
        process=process,
    )


def _relaxed(report: Mapping[str, Any], settings: Mapping[str, Any]) -> DftResult:
    return DftResult(
        status=str(report.get("status", "")),
        energy=report.get("energy"),
        max_force=report.get("max_force"),
        message=str(report.get("message") or ""),
        settings=settings,
    )


def _reported(chain: int) -> dict[str, Any]:
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": chain}, tag="chain")
    query.append(
        Dict, with_incoming="chain", edge_filters={"label": "report"}, project="attributes"
    )
    found: dict[str, Any] | None = query.first(flat=True)
    return found or {}


def _values(chain: int) -> dict[str, dict[str, Any]]:
    """Contents of the Dicts that a process got, by the labels of their links."""
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": chain}, tag="chain")
    query.append(Dict, with_outgoing="chain", project="attributes", edge_project="label")
    return {label: values for values, label in query.all()}
