"""From a structure to its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import Node, ProcessNode, QueryBuilder, StructureData, load_node

from aiida_hpaint.data.structure_batch import DETAILS
from aiida_hpaint.queries.ancestors import find_ancestor_jobs
from aiida_hpaint.queries.by_dft import read_dft_result, trace_dft_restoration
from aiida_hpaint.queries.links import find_creator, find_inputs, find_returning_workflows
from aiida_hpaint.queries.provenance_record import KIND_RESTORED, DftResult, ProvenanceRecord
from aiida_hpaint.queries.sample_provenance import add_sample_provenance

__all__ = ["trace_structure"]

_RELAXING, _ALONE = "DftRelaxWorkChain", "RestoreHydrogenWorkChain"


def trace_structure(structure: StructureData | int | str) -> ProvenanceRecord:
    """Where a structure comes from: a dozen queries, whatever the size of the database.

    Parameters
    ----------
    structure
        What a restoration, a validation or RestoreHydrogenWorkChain returned or relaxed: the node,
        its PK or its UUID.

    Raises
    ------
    ValueError
        If there is no such node, or it is something else.
    """
    node = structure if isinstance(structure, StructureData) else _load(structure)
    pk = node.pk or 0
    made = find_creator(pk)
    function = None if made is None else made.function
    if made is not None and function == "pick_structures":
        return _picked(node, find_inputs(made.pk)["samples"][0])
    if made is not None and function == "choose_structures":
        return _chosen(node, node, find_inputs(made.pk))
    if made is not None and function == "compare_validated":
        return _validated(node, find_inputs(made.pk))
    if chains := find_returning_workflows([pk], _ALONE).get(pk):
        return trace_dft_restoration(node, chains[0], find_outermost_workflow(pk))
    if chains := find_returning_workflows([pk], _RELAXING).get(pk):
        inputs = find_inputs(chains[0])
        return _after(node, _load(inputs["structure"][0]), chains[0])
    raise ValueError(
        f"node {pk} ({_name(node)}) was neither restored nor relaxed for a validation: give a "
        "structure that `aiida-hpaint results PK` speaks of, see `verdi process show PK`"
    )


def find_outermost_workflow(node: int) -> int | None:
    """PK of the outermost workflow that returned a node."""
    return next(iter(find_returning_workflows([node]).get(node, ())), None)


def _load(identifier: int | str) -> StructureData:
    try:
        node: Node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(f"there is no node {identifier}") from None
    if isinstance(node, StructureData):
        return node
    if isinstance(node, ProcessNode) and (found := _structures(node)):
        raise ValueError(f"node {identifier} is a process: give one of its structures: {found}")
    raise ValueError(f"node {identifier} is no structure, but {type(node).__name__}")


def _structures(process: ProcessNode, limit: int = 10) -> str:
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": process.pk}, tag="process")
    query.append(StructureData, with_incoming="process", project=["id", "label"])
    query.order_by({StructureData: "id"})
    found: list[list[Any]] = query.distinct().all()
    shown = ", ".join(f"{pk} ({label})" for pk, label in found[:limit])
    return shown + (f" and {len(found) - limit} more" if len(found) > limit else "")


def _picked(node: StructureData, samples: int) -> ProvenanceRecord:
    record = add_sample_provenance(_blank(node, "candidate"), _details(node), samples)
    return replace(record, process=find_outermost_workflow(node.pk or 0))


def _chosen(
    node: StructureData, start: StructureData, inputs: Mapping[str, tuple[int, str]]
) -> ProvenanceRecord:
    """What DFT begins with; `node` is what the record is of."""
    details = _details(start)
    record = replace(_blank(node, details["role"]), inserted=_inserted(start))
    if details["role"] == "reference":
        jobs = tuple(find_ancestor_jobs([inputs["references"][0]]))
        return replace(record, jobs=jobs, process=find_outermost_workflow(node.pk or 0))
    record = add_sample_provenance(record, details, inputs["samples"][0])
    return replace(record, process=find_outermost_workflow(node.pk or 0))


def _validated(node: StructureData, inputs: Mapping[str, tuple[int, str]]) -> ProvenanceRecord:
    """The lowest of a host by DFT is a copy of what one of the relaxations returned."""
    details = _details(node)
    key = f"host_{details['host']:05d}_rank_{details['rank']:03d}"
    report = inputs[f"{key}__report"][0]
    chain = find_returning_workflows([report], _RELAXING)[report][0]
    return _after(node, _load(inputs[f"{key}__start"][0]), chain, inputs[f"{key}__end"][0])


def _after(
    node: StructureData, start: StructureData, chain: int, end: int | None = None
) -> ProvenanceRecord:
    """A structure after its relaxation by DftRelaxWorkChain."""
    pk = start.pk or 0
    made = find_creator(pk)
    if made is not None and made.function == "choose_structures":
        record = _chosen(node, start, find_inputs(made.pk))
    else:
        record = replace(_blank(node, "candidate"), jobs=tuple(find_ancestor_jobs([pk])))
    dft: DftResult = read_dft_result(chain)
    before = {job.pk for job in find_ancestor_jobs([pk])}
    jobs = [job for job in find_ancestor_jobs([end or node.pk or 0]) if job.pk not in before]
    process = find_outermost_workflow(node.pk or 0)
    return replace(record, dft=dft, jobs=(*record.jobs, *jobs), process=process)


def _blank(node: StructureData, role: str) -> ProvenanceRecord:
    return ProvenanceRecord(
        pk=node.pk or 0,
        uuid=node.uuid,
        label=_name(node),
        formula=node.get_formula(),
        kind=KIND_RESTORED,
        role=role,
        host=None,
        sample=None,
        inserted=_inserted(node),
        version=None,
        seed=None,
        model=None,
        potential=None,
        settings={},
        dft=None,
        jobs=(),
        process=None,
    )


def _details(node: StructureData) -> dict[str, Any]:
    return dict(node.base.attributes.get(DETAILS, None) or {})


def _name(node: StructureData) -> str:
    return str(_details(node).get("label") or node.label or node.get_formula())


def _inserted(node: StructureData) -> dict[str, int]:
    kinds = [site.kind_name for site in node.sites]
    symbols = {kind.name: kind.symbol for kind in node.kinds}
    return dict(Counter(symbols[kinds[i]] for i in _details(node).get("inserted", [])))
