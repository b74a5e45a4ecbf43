"""Results of validations, run alone or as a stage of a restoration."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.common.links import LinkType
from aiida.orm import Node, ProcessNode, QueryBuilder, WorkChainNode, load_node

from aiida_hpaint.data.structure_batch import StructureBatchData, read_structure
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate

__all__ = [
    "Validation",
    "count_dft_progress",
    "has_validation",
    "load_validation_node",
    "read_restored_samples",
    "read_validation",
]

_STAGE = "validation"
"""Output namespace of a restoration that holds the outputs of its validation."""

VALIDATE = "validate"
"""Name of the validation task in a restoration."""


@dataclass(frozen=True)
class Validation:
    """Results of a validation.

    Attributes
    ----------
    summary
        Figures of `summarise_validation`.
    rows
        Rows of validation.csv, values as text.
    table
        Text of validation.csv.
    structures
        Lowest candidate of each host by DFT; None if no host has one.
    """

    summary: dict[str, Any]
    rows: list[dict[str, str]]
    table: str
    structures: StructureBatch | None


def read_validation(node: ProcessNode) -> Validation:
    """Read the results of a validate process, or of the validation stage of a restoration.

    Raises
    ------
    ValueError
        If there are none.
    """
    if _STAGE in node.outputs:
        outputs: Any = node.outputs[_STAGE]
    else:
        outputs = node.outputs if "structures" in _graph_inputs(node) else {}
    if "table" not in outputs:
        hint = f"see `verdi process report {node.pk}`" if node.is_terminated else "it still runs"
        raise ValueError(f"node {node.pk} has no results of a validation: {hint}")
    table = outputs["table"].get_content()
    found = _get(outputs, "structures") or {}
    lowest = [read_structure(found[key]) for key in sorted(found)]
    return Validation(
        summary=outputs["summary"].get_dict(),
        rows=list(csv.DictReader(io.StringIO(table))),
        table=table,
        structures=concatenate(lowest) if lowest else None,
    )


def has_validation(restoration: ProcessNode) -> bool:
    """Return whether a restoration has results of a validation."""
    return _STAGE in restoration.outputs


def load_validation_node(identifier: str | int) -> ProcessNode:
    """Load a process by its PK or UUID.

    Raises
    ------
    ValueError
        If there is none.
    """
    try:
        node: Node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(f"there is no node {identifier}: see `verdi process list -a`") from None
    if not isinstance(node, ProcessNode):
        raise ValueError(f"node {identifier} is not a process but {type(node).__name__}")
    return node


def read_restored_samples(
    node: ProcessNode,
) -> tuple[StructureBatchData, StructureBatchData | None]:
    """Return the samples of a restoration or benchmark, and the references of a benchmark.

    Raises
    ------
    ValueError
        If it is neither, or has no samples yet.
    """
    samples = node.outputs.samples if "samples" in node.outputs else None
    if not isinstance(samples, StructureBatchData):
        state = "" if node.is_terminated else ", which still runs,"
        raise ValueError(f"node {node.pk}{state} has no samples: give a restoration or a benchmark")
    return samples, _get(_graph_inputs(node), "complete")


def count_dft_progress(node: ProcessNode) -> tuple[int, int] | None:
    """Count finished and all structures of a validation; None before DFT has started.

    Parameters
    ----------
    node
        A validation, or a restoration that has one.
    """
    validation = _validation_of(node)
    if validation is None:
        return None
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": validation.pk}, tag="graph")
    relaxing = {"attributes.process_label": "DftRelaxWorkChain"}
    query.append(WorkChainNode, with_incoming="graph", filters=relaxing)
    begun: list[WorkChainNode] = query.all(flat=True)
    total = len(list(_get(_graph_inputs(validation), "structures") or ()))
    return sum(one.is_terminated for one in begun), total


def _validation_of(node: ProcessNode) -> ProcessNode | None:
    if "structures" in _graph_inputs(node):
        return node
    links = node.base.links.get_outgoing(
        node_class=ProcessNode, link_type=LinkType.CALL_WORK, link_label_filter=VALIDATE
    )
    called: list[ProcessNode] = [one for one in links.all_nodes() if isinstance(one, ProcessNode)]
    # A graph that was restarted has a second child of that name.
    return max(called, key=lambda one: one.pk or 0) if called else None


def _get(namespace: Any, name: str) -> Any:
    """Return a linked node or None; link managers of AiiDA have no `get`."""
    return namespace[name] if name in list(namespace) else None


def _graph_inputs(node: ProcessNode) -> Any:
    return node.inputs.graph_inputs if "graph_inputs" in node.inputs else {}
