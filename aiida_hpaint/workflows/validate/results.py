"""Results of validations, of their own or as a stage of a restoration."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.common.links import LinkType
from aiida.orm import Node, ProcessNode, QueryBuilder, WorkChainNode, load_node

from aiida_hpaint.data.structure_batch import StructureBatchData, batch_of
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate

__all__ = [
    "Validation",
    "count_dft_progress",
    "has_validation",
    "load_validation_node",
    "read_restored_samples",
    "read_validation",
]

STAGE = "validation"
"""Namespace of the outputs of a restoration that holds those of its validation."""

VALIDATE = "validate"
"""Name of the task that validates in a restoration."""


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes
    ----------
    summary
        See `summarise_validation`.
    rows
        Lines of validation.csv, as text.
    table
        The file.
    structures
        The lowest of each host by DFT, None if no host has one.
    """

    summary: dict[str, Any]
    rows: list[dict[str, str]]
    table: str
    structures: StructureBatch | None


def read_validation(node: ProcessNode) -> Validation:
    """The results of a validate process, or of the stage of a restoration.

    Raises
    ------
    ValueError
        If there are none.
    """
    outputs = _outputs(node)
    if "table" not in outputs:
        way = f"`verdi process report {node.pk}`" if node.is_terminated else "it runs still"
        raise ValueError(f"node {node.pk} has no result of a validation: {way}")
    table = outputs["table"].get_content()
    found = _part(outputs, "structures") or {}
    lowest = [batch_of(found[key]) for key in sorted(found)]
    return Validation(
        summary=outputs["summary"].get_dict(),
        rows=list(csv.DictReader(io.StringIO(table))),
        table=table,
        structures=concatenate(lowest) if lowest else None,
    )


def has_validation(restoration: ProcessNode) -> bool:
    """Whether a restoration has results of a validation."""
    return STAGE in restoration.outputs


def load_validation_node(identifier: str | int) -> ProcessNode:
    """A process by its PK or UUID.

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
        raise ValueError(f"node {identifier} is no process, but {type(node).__name__}")
    return node


def read_restored_samples(
    node: ProcessNode,
) -> tuple[StructureBatchData, StructureBatchData | None]:
    """Samples of a restoration or a benchmark, and the references of the latter.

    Raises
    ------
    ValueError
        If it is neither, or has no samples yet.
    """
    samples = node.outputs.samples if "samples" in node.outputs else None
    if not isinstance(samples, StructureBatchData):
        state = "" if node.is_terminated else ", which still runs,"
        raise ValueError(f"node {node.pk}{state} has no samples: give a restoration or a benchmark")
    return samples, _part(_graph_inputs(node), "complete")


def count_dft_progress(node: ProcessNode) -> tuple[int, int] | None:
    """How many structures DFT is done with, and how many there are; None before it has begun.

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
    total = len(list(_part(_graph_inputs(validation), "structures") or ()))
    return sum(one.is_terminated for one in begun), total


def _validation_of(node: ProcessNode) -> ProcessNode | None:
    if "structures" in _graph_inputs(node):
        return node
    links = node.base.links.get_outgoing(
        node_class=ProcessNode, link_type=LinkType.CALL_WORK, link_label_filter=VALIDATE
    )
    called: list[ProcessNode] = [one for one in links.all_nodes() if isinstance(one, ProcessNode)]
    # A graph that was begun again has a second child of that name.
    return max(called, key=lambda one: one.pk or 0) if called else None


def _outputs(node: ProcessNode) -> Any:
    """Outputs of the validation; nothing where the process has none."""
    if STAGE in node.outputs:
        return node.outputs[STAGE]
    return node.outputs if "structures" in _graph_inputs(node) else {}


def _part(namespace: Any, name: str) -> Any:
    """One of the links of a process; AiiDA's managers of links have no `get`."""
    return namespace[name] if name in list(namespace) else None


def _graph_inputs(node: ProcessNode) -> Any:
    return node.inputs.graph_inputs if "graph_inputs" in node.inputs else {}
