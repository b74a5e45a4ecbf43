"""What density-functional theory did with a structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import Dict, ProcessNode, QueryBuilder, StructureData, load_node

from aiida_hpaint.queries.ancestors import jobs_behind
from aiida_hpaint.queries.links import inputs_of
from aiida_hpaint.queries.story import RESTORED_BY_DFT, Origin, Relaxed, Story

__all__ = ["alone_by_dft", "relaxed_by_dft"]


def relaxed_by_dft(chain: int) -> Relaxed:
    """What a DftRelaxWorkChain reports, and its settings."""
    return _relaxed(_reported(chain), _values(chain).get("settings", {}))


def alone_by_dft(node: StructureData, chain: int, process: int | None) -> Story:
    """The story of what RestoreHydrogenWorkChain returned."""
    inputs = inputs_of(chain)
    report = _reported(chain)
    values = _values(chain)
    settings: dict[str, Any] = {
        name: values[name] for name in ("peaks", "pinball") if name in values
    }
    host: Any = load_node(inputs["structure"][0])
    placed = int(report.get("count", 0)) - int(report.get("missing", 0))
    return Story(
        pk=node.pk or 0,
        uuid=node.uuid,
        label=host.label or host.get_formula(),
        formula=node.get_formula(),
        kind=RESTORED_BY_DFT,
        role="candidate",
        host=Origin(
            label=host.label or host.get_formula(),
            place=0,
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
        jobs=tuple(jobs_behind([node.pk or 0])),
        process=process,
    )


def _relaxed(report: Mapping[str, Any], settings: Mapping[str, Any]) -> Relaxed:
    return Relaxed(
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
