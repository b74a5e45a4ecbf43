"""Provenance records of structures, collected from the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import (
    CalcFunctionNode,
    Dict,
    Node,
    ProcessNode,
    QueryBuilder,
    StructureData,
    load_node,
)

from aiida_hpaint.data.structure_batch import DETAILS
from aiida_hpaint.queries.ancestors import find_ancestor_jobs
from aiida_hpaint.queries.links import find_creator, find_inputs, find_returning_workflows
from aiida_hpaint.queries.provenance_record import (
    KIND_RESTORED,
    KIND_RESTORED_BY_DFT,
    DftRecord,
    HostRecord,
    ProvenanceRecord,
)
from aiida_hpaint.queries.sample_provenance import add_sample_provenance

__all__ = ["list_structures", "trace_structure"]

_DFT_RELAXATION, _DFT_RESTORATION = "DftRelaxWorkChain", "RestoreHydrogenWorkChain"


def trace_structure(structure: StructureData | int | str) -> ProvenanceRecord:
    """Return the provenance of a structure, by about a dozen queries.

    Parameters
    ----------
    structure
        Node, PK or UUID of a structure that a restoration, a validation or RestoreHydrogenWorkChain
        returned or relaxed.

    Raises
    ------
    ValueError
        If there is no such node, or it is something else.
    """
    node = structure if isinstance(structure, StructureData) else _load(structure)
    pk = node.pk or 0
    creator = find_creator(pk)
    function = None if creator is None else creator.function
    inputs = {} if creator is None else find_inputs(creator.pk)
    if function == "pick_structures":
        record = _make_record(node, "candidate")
        record = add_sample_provenance(record, _read_details(node), inputs["samples"][0])
    elif function == "choose_structures":
        record = _trace_dft_input(node, node, inputs)
    elif function == "compare_validated":
        record = _trace_validated(node, inputs)
    elif chains := find_returning_workflows([pk], _DFT_RESTORATION).get(pk):
        record = _trace_dft_restoration(node, chains[0])
    elif chains := find_returning_workflows([pk], _DFT_RELAXATION).get(pk):
        start = _load(find_inputs(chains[0])["structure"][0])
        record = _trace_relaxed(node, start, chains[0], pk)
    else:
        raise ValueError(
            f"node {pk} ({_read_label(node)}) was neither restored nor relaxed for a validation: "
            "give a structure that `aiida-hpaint results PK` names, see `verdi process show PK`"
        )
    return replace(record, process=next(iter(find_returning_workflows([pk]).get(pk, ())), None))


def _load(identifier: int | str) -> StructureData:
    found = list_structures(identifier)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{node.pk} ({_read_label(node)})" for node in found[:10])
    more = f" and {len(found) - 10} more" if len(found) > 10 else ""
    raise ValueError(f"node {identifier} is a process: give one of its structures: {listed}{more}")


def list_structures(identifier: int | str) -> list[StructureData]:
    """Return a structure, or those that a process returned, in the order of their PKs.

    Of a restoration that returns none, as in a campaign, they are those that were picked.

    Parameters
    ----------
    identifier
        PK or UUID.

    Raises
    ------
    ValueError
        If there is no such node, or it is neither a structure nor a process with structures.
    """
    try:
        node: Node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(
            f"there is no node {identifier}: `aiida-hpaint status` lists the restorations"
        ) from None
    if isinstance(node, StructureData):
        return [node]
    if not isinstance(node, ProcessNode):
        raise ValueError(f"node {identifier} is not a structure, but {type(node).__name__}")
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": node.pk}, tag="process")
    query.append(StructureData, with_incoming="process", project="*")
    query.order_by({StructureData: "id"})
    found: list[StructureData] = query.distinct().all(flat=True) or _list_picked(node)
    if not found and node.is_terminated:
        raise ValueError(
            f"process {identifier} has no structure: `aiida-hpaint pick {identifier}` makes "
            f"those of a campaign, and `aiida-hpaint status {identifier}` says what it found"
        )
    if not found:
        raise ValueError(f"process {identifier} still runs: `aiida-hpaint status {identifier}`")
    return found


def _list_picked(restoration: ProcessNode) -> list[StructureData]:
    """Return the structures that were picked from the samples of a restoration."""
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": restoration.pk}, tag="process")
    query.append(Node, with_incoming="process", edge_filters={"label": "samples"}, tag="samples")
    filters = {"attributes.function_name": "pick_structures"}
    query.append(CalcFunctionNode, with_incoming="samples", filters=filters, tag="pick")
    query.append(StructureData, with_incoming="pick", project="*")
    query.order_by({StructureData: "id"})
    found: list[StructureData] = query.distinct().all(flat=True)
    return found


def _trace_dft_input(
    node: StructureData, start: StructureData, inputs: Mapping[str, tuple[int, str]]
) -> ProvenanceRecord:
    """Return the record of `node` up to `start`, the structure from which its relaxation starts.

    Parameters
    ----------
    inputs
        Inputs of `choose_structures`, which created `start`.
    """
    details = _read_details(start)
    record = _make_record(node, details["role"], start)
    if details["role"] == "reference":
        return replace(record, jobs=tuple(find_ancestor_jobs([inputs["references"][0]])))
    return add_sample_provenance(record, details, inputs["samples"][0])


def _trace_validated(
    node: StructureData, inputs: Mapping[str, tuple[int, str]]
) -> ProvenanceRecord:
    """Return the record of the lowest structure by DFT: a copy of the end of one relaxation."""
    details = _read_details(node)
    key = f"host_{details['host']:05d}_rank_{details['rank']:03d}"
    report = inputs[f"{key}__report"][0]
    chain = find_returning_workflows([report], _DFT_RELAXATION)[report][0]
    return _trace_relaxed(node, _load(inputs[f"{key}__start"][0]), chain, inputs[f"{key}__end"][0])


def _trace_relaxed(
    node: StructureData, start: StructureData, chain: int, end: int
) -> ProvenanceRecord:
    """Return the record of a structure after the DftRelaxWorkChain with PK `chain`.

    Parameters
    ----------
    node
        Structure that the record is of: the relaxed structure or a copy.
    start
        Structure before the relaxation.
    end
        PK of the relaxed structure.
    """
    pk = start.pk or 0
    creator = find_creator(pk)
    before = find_ancestor_jobs([pk])
    if creator is not None and creator.function == "choose_structures":
        record = _trace_dft_input(node, start, find_inputs(creator.pk))
    else:
        record = replace(_make_record(node, "candidate"), jobs=tuple(before))
    known = {job.pk for job in before}
    jobs = [job for job in find_ancestor_jobs([end]) if job.pk not in known]
    dft = _make_dft_record(_read_report(chain), _read_dicts(chain).get("settings", {}))
    return replace(record, dft=dft, jobs=(*record.jobs, *jobs))


def _trace_dft_restoration(node: StructureData, chain: int) -> ProvenanceRecord:
    """Return the record of a structure from the RestoreHydrogenWorkChain with PK `chain`."""
    report = _read_report(chain)
    values = _read_dicts(chain)
    settings: dict[str, Any] = {
        name: values[name] for name in ("peaks", "pinball") if name in values
    }
    host: Any = load_node(find_inputs(chain)["structure"][0])
    label = host.label or host.get_formula()
    inserted = int(report.get("count", 0)) - int(report.get("missing", 0))
    return replace(
        _make_record(node, "candidate"),
        label=label,
        kind=KIND_RESTORED_BY_DFT,
        host=HostRecord(label, 0, host.pk, host.uuid, source={}, structure=host.pk),
        inserted={str(report.get("element", "")): inserted} if inserted else {},
        dft=_make_dft_record({**report, **report.get("final", {})}, settings),
        jobs=tuple(find_ancestor_jobs([node.pk or 0])),
    )


def _make_record(
    node: StructureData, role: str, start: StructureData | None = None
) -> ProvenanceRecord:
    """Return a record without provenance; `start` tells which sites were inserted."""
    start = node if start is None else start
    kinds = {kind.name: kind.symbol for kind in start.kinds}
    symbols = [kinds[site.kind_name] for site in start.sites]
    return ProvenanceRecord(
        pk=node.pk or 0,
        uuid=node.uuid,
        label=_read_label(node),
        formula=node.get_formula(),
        kind=KIND_RESTORED,
        role=role,
        host=None,
        sample=None,
        inserted=dict(Counter(symbols[i] for i in _read_details(start).get("inserted", []))),
        version=None,
        seed=None,
        model=None,
        potential=None,
        settings={},
        dft=None,
        jobs=(),
        process=None,
    )


def _make_dft_record(report: Mapping[str, Any], settings: Mapping[str, Any]) -> DftRecord:
    return DftRecord(
        status=str(report.get("status", "")),
        energy=report.get("energy"),
        max_force=report.get("max_force"),
        message=str(report.get("message") or ""),
        settings=settings,
    )


def _read_report(chain: int) -> dict[str, Any]:
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": chain}, tag="chain")
    query.append(
        Dict, with_incoming="chain", edge_filters={"label": "report"}, project="attributes"
    )
    found: dict[str, Any] | None = query.first(flat=True)
    return found or {}


def _read_dicts(chain: int) -> dict[str, dict[str, Any]]:
    """Return the contents of the Dicts among the inputs of a process, by their labels."""
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": chain}, tag="chain")
    query.append(Dict, with_outgoing="chain", project="attributes", edge_project="label")
    return {label: values for values, label in query.all()}


def _read_details(node: StructureData) -> dict[str, Any]:
    return dict(node.base.attributes.get(DETAILS, None) or {})


def _read_label(node: StructureData) -> str:
    return str(_read_details(node).get("label") or node.label or node.get_formula())
